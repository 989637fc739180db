//! The desk's work on one order after the other: the next step of each, and what its answer changes.

use order_model::{OrderId, PaymentResult, Settle, TimeMs};

use crate::callback::Note;
use crate::desk::{Desk, Found, State, Stray, Who, queue};
use crate::dossier::{Call, Said, Standing, Step};
use crate::error::PaymentError;
use crate::hands::{Errand, Return};
use crate::limits::DESK_WAIT;
use crate::provider::{Verdict, closed_id};
use crate::worker::Moment;

impl Desk {
    /// Does what is to be done, as far as calls are allowed.
    pub(crate) fn work(&mut self) -> Result<(), PaymentError> {
        while self.calling < self.pace.allowed() {
            let Some(who) = self.ready.pop_front() else { break };
            match who {
                Who::Order(partition, order) => self.advance(partition, order)?,
                Who::Stray(id) => self.ask_after(id),
            }
        }
        Ok(())
    }

    /// Takes an order as far as it goes without an answer.
    fn advance(&mut self, partition: u32, order: OrderId) -> Result<(), PaymentError> {
        let now = self.now();
        self.steps += 1;
        loop {
            let Some(owned) = self.owned.get_mut(&partition) else { return Ok(()) };
            let state = owned.state;
            let Some(dossier) = owned.shelf.get_mut(&order) else { return Ok(()) };
            dossier.is_queued = false;
            dossier.waits_for_log = false;
            let is_open = matches!(dossier.standing, Standing::Open { .. });
            if dossier.is_calling || (is_open && matches!(state, State::Restoring { .. })) {
                return Ok(());
            }
            match dossier.next_step(now, &self.options.limits) {
                Step::Tell(settle) => {
                    dossier.note_told(&settle);
                    self.tell(order, &settle)?;
                }
                _ if state == State::Leaving => return Ok(()),
                Step::Call(_) if self.calling >= self.pace.allowed() => {
                    dossier.is_queued = true;
                    self.ready.push_front(Who::Order(partition, order));
                    return Ok(());
                }
                Step::Call(call) => {
                    dossier.is_calling = true;
                    dossier.attempted |= matches!(call, Call::Authorise(_));
                    owned.calling += 1;
                    self.send(Who::Order(partition, order), order, call);
                    return Ok(());
                }
                Step::GiveUp(payment) => {
                    let given_up = dossier.repayments.iter().find(|repayment| repayment.payment == payment);
                    let found = given_up.map(|repayment| (repayment.offset, repayment.refused.clone()));
                    dossier.note_given_up(payment);
                    let Some((offset, refused)) = found else { continue };
                    self.give_up(partition, offset, refused)?;
                }
                Step::WaitUntil(time) => {
                    if dossier.wakes_at <= now || time < dossier.wakes_at {
                        dossier.wakes_at = time;
                        self.set_timer(time, Who::Order(partition, order));
                    }
                    return Ok(());
                }
                Step::WaitForLog => {
                    dossier.waits_for_log = true;
                    return Ok(());
                }
                Step::Done => {
                    owned.shelf.remove(&order);
                    return Ok(());
                }
            }
        }
    }

    fn tell(&mut self, order: OrderId, settle: &Settle) -> Result<(), PaymentError> {
        match settle.result {
            PaymentResult::Captured => self.status.captured += 1,
            PaymentResult::Declined if settle.payment == closed_id(order) => self.status.closed += 1,
            PaymentResult::Declined => self.status.declined += 1,
        }
        (self.parts.observer)(Moment::Telling(order));
        self.teller.tell(&self.parts, settle)
    }

    /// A repayment that will never be made goes to the dead letters, with the decision that orders it.
    fn give_up(&mut self, partition: u32, offset: u64, refused: Option<String>) -> Result<(), PaymentError> {
        self.status.refused += 1;
        let detail =
            refused.unwrap_or_else(|| "the payment provider knows no such payment of this order".to_owned());
        let detail = format!("the money was not given back: {detail}; settle it by hand");
        tracing::error!(partition, offset, %detail, "a repayment was given up");
        let (teller, parts) = (&mut self.teller, &self.parts);
        let reason = order_codec::DeadLetterReason::Refused;
        self.look_back.record(&self.options.decisions, partition, offset, |record| {
            teller.dead_letter(parts, partition, &record, reason, detail.clone());
        })?;
        Ok(())
    }

    fn send(&mut self, who: Who, order: OrderId, call: Call) {
        self.calling += 1;
        self.status.calls += 1;
        (self.parts.observer)(Moment::Calling(order));
        // The thread lives as long as the desk; should it have died, no answer comes, and the worker says so when it
        // is joined.
        self.errands.send(Errand { who, call }).ok();
    }

    pub(crate) fn set_timer(&mut self, time: TimeMs, who: Who) {
        self.timer_number += 1;
        self.timers.insert((time, self.timer_number), who);
    }

    /// Queues whose time has come.
    pub(crate) fn wake(&mut self) -> Result<(), PaymentError> {
        let now = self.now();
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            match entry.remove() {
                Who::Order(partition, order) => {
                    if let Some(owned) = self.owned.get_mut(&partition) {
                        queue(&mut self.ready, owned, partition, order);
                    }
                }
                stray @ Who::Stray(_) => self.ready.push_back(stray),
            }
        }
        Ok(())
    }

    /// Takes in what the provider said; `may_wait`: nothing else is to be done meanwhile.
    pub(crate) fn take_returns(&mut self, may_wait: bool) -> Result<(), PaymentError> {
        let mut next = match may_wait {
            true => self.returns.recv_timeout(DESK_WAIT).ok(),
            false => self.returns.try_recv().ok(),
        };
        while let Some(Return { who, call, said }) = next {
            self.calling = self.calling.saturating_sub(1);
            self.note(&said)?;
            match who {
                Who::Order(partition, order) => self.returned(partition, order, &call, said)?,
                Who::Stray(id) => self.stray_returned(id, said)?,
            }
            next = self.returns.try_recv().ok();
        }
        Ok(())
    }

    /// What an answer says of the pace, and of the provider.
    fn note(&mut self, said: &Said) -> Result<(), PaymentError> {
        let Said::Fault(fault) = said else {
            self.pace.well();
            return Ok(());
        };
        if fault.verdict == Verdict::Halt {
            return Err(PaymentError::Halted { detail: fault.detail.clone() });
        }
        self.status.retries += 1;
        self.status.last_fault = Some(fault.detail.clone());
        match fault.verdict {
            Verdict::Decline => self.pace.refused(),
            _ => self.pace.failed(self.calling),
        }
        Ok(())
    }

    fn returned(
        &mut self,
        partition: u32,
        order: OrderId,
        call: &Call,
        said: Said,
    ) -> Result<(), PaymentError> {
        (self.parts.observer)(Moment::Answered(order));
        let now = self.now();
        let Some(owned) = self.owned.get_mut(&partition) else { return Ok(()) };
        owned.calling = owned.calling.saturating_sub(1);
        let Some(dossier) = owned.shelf.get_mut(&order) else { return Ok(()) };
        dossier.is_calling = false;
        let repayments = dossier.repayments.len();
        let repays = matches!((call, &said), (Call::Refund { .. }, Said::Payment(_)));
        dossier.learn(call, said, now, &self.options.limits);
        if repays && dossier.repayments.len() < repayments {
            self.status.refunded += 1;
        }
        self.advance(partition, order)
    }

    /// The log was asked about a captured payment that a callback spoke of.
    pub(crate) fn take_findings(&mut self) {
        while let Ok(found) = self.findings.try_recv() {
            self.asked = self.asked.saturating_sub(1);
            match found {
                Found::Known(note) => note.done(),
                Found::Unknown(note) => {
                    let id = note.payment.id.clone();
                    let stray = self.strays.entry(id.clone()).or_insert_with(|| {
                        self.ready.push_back(Who::Stray(id));
                        Stray { notes: Vec::new(), denied: 0, faults: 0 }
                    });
                    stray.notes.push(note);
                }
            }
        }
    }

    /// A callback is a hint only: the payment itself is asked after.
    fn ask_after(&mut self, id: String) {
        let spoken_of = self.strays.get(&id).and_then(|stray| stray.notes.first()?.payment.order);
        let order = spoken_of.unwrap_or_default();
        self.send(Who::Stray(id.clone()), order, Call::Retrieve { id });
    }

    fn stray_returned(&mut self, id: String, said: Said) -> Result<(), PaymentError> {
        let Some(mut stray) = self.strays.remove(&id) else { return Ok(()) };
        let fault = match said {
            Said::Payment(payment) => {
                if let Some(settle) = payment.settle() {
                    self.status.strays += 1;
                    self.tell(settle.order, &settle)?;
                }
                self.telling.push_back((self.teller.told(), stray.notes));
                return Ok(());
            }
            Said::Payments(_) => None,
            Said::Fault(fault) => Some(fault.verdict),
        };
        // A provider that is away knows it all the same; only one that says so does not.
        stray.denied += u32::from(matches!(fault, Some(Verdict::Missing | Verdict::Decline)));
        if stray.denied >= self.options.limits.seeks_max {
            tracing::warn!(payment = id, "the provider called back about a payment it does not show");
            stray.notes.into_iter().for_each(Note::done);
            return Ok(());
        }
        stray.faults = stray.faults.saturating_add(1);
        let wait = self.options.limits.retry_ms_min.saturating_mul(1 << stray.faults.min(16));
        let time = self.now().after(wait.min(self.options.limits.retry_ms_max));
        self.set_timer(time, Who::Stray(id.clone()));
        self.strays.insert(id, stray);
        Ok(())
    }

    /// Callbacks are done once the log has what was told of them.
    pub(crate) fn finish_callbacks(&mut self) {
        let stored = self.teller.stored();
        while let Some((_, notes)) = self.telling.pop_front_if(|(told, _)| *told <= stored) {
            notes.into_iter().for_each(Note::done);
        }
    }
}

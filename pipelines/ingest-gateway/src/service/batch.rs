//! Placing several orders at once.

use order_model::{Command, OrderId};
use tokio::time::Instant;

use super::Service;
use super::place::{Draft, PlaceAsk, Placed, Turn, again};
use super::recent::{Entered, First};
use super::refusal::{Refusal, written};
use crate::identity::Identity;
use crate::limits::ROOM_CATCH_UP_MAX;

/// An order of a batch, once all are looked at.
enum Step<E> {
    /// Its answer is known.
    Answered(Result<Placed, E>),
    /// It is written with the others.
    Written(OrderId),
    /// One of its name is being written, or was, may be by this batch.
    Before(Box<Draft>),
}

impl Service {
    /// Places several orders at once, those that could be read; answers in their order. One that could not be read has its
    /// place in the batch all the same, so that the others keep their names when it is mended.
    pub async fn place_all<E: From<Refusal>>(
        &self,
        who: &Identity,
        asks: Vec<Result<PlaceAsk, E>>,
        idempotency_key: Option<&str>,
        room_token: Option<&str>,
    ) -> Vec<Result<Placed, E>> {
        let turn = Turn { room_token, rooms_by: Instant::now() + ROOM_CATCH_UP_MAX };
        let mut steps = Vec::with_capacity(asks.len());
        let mut commands = Vec::with_capacity(asks.len());
        let mut firsts: Vec<First> = Vec::with_capacity(asks.len());
        for (index, ask) in (0..).zip(asks) {
            let checked = match ask {
                Ok(ask) => self.check_one(who, ask, (idempotency_key, index), turn).await.map_err(E::from),
                Err(error) => Err(error),
            };
            steps.push(match checked {
                Err(error) => Step::Answered(Err(error)),
                Ok(Err(known)) => Step::Answered(Ok(known)),
                Ok(Ok(draft)) => match self.recent.enter(draft.name, draft.about) {
                    Entered::First(first) => {
                        let order = draft.place.order;
                        firsts.push(first);
                        commands.push(Command::Place(draft.place));
                        Step::Written(order)
                    }
                    Entered::Before { .. } => Step::Before(Box::new(draft)),
                },
            });
        }
        let outcomes = if commands.is_empty() { Vec::new() } else { self.door().submit_all(commands).await };
        // Whoever waits for one of these is told before we wait for anybody.
        for (first, outcome) in firsts.into_iter().zip(&outcomes) {
            first.settle(*outcome);
        }
        let mut outcomes = outcomes.into_iter();
        let mut answers = Vec::with_capacity(steps.len());
        for step in steps {
            let (order, lies) = match step {
                Step::Answered(answer) => {
                    answers.push(answer);
                    continue;
                }
                Step::Written(order) => {
                    (order, outcomes.next().map_or(Err(Refusal::OutcomeUnknown), written))
                }
                Step::Before(draft) => (draft.place.order, self.write_once(*draft).await),
            };
            let placed =
                |(partition, offset)| Placed { order, partition, offset: Some(offset), answer: None };
            answers.push(lies.map(placed).map_err(E::from));
        }
        answers
    }

    /// An order of a batch, to be written, or the answer it got before.
    async fn check_one(
        &self,
        who: &Identity,
        ask: PlaceAsk,
        (key, index): (Option<&str>, u32),
        turn: Turn<'_>,
    ) -> Result<Result<Draft, Placed>, Refusal> {
        let draft = self.draft(who, ask, key, index)?;
        if let Some(known) = self.known(&draft)? {
            return Ok(Err(again(&known, true)));
        }
        self.admit(who, &draft, turn, false).await?;
        Ok(Ok(draft))
    }
}

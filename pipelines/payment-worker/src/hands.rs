//! The thread that talks to the provider: calls go out as they come, answers come back in any order.
//!
//! Promised: every call is answered, be it by its time running out. How many are under way is the desk's business.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::Sender;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::dossier::{Call, Said};
use crate::provider::{Answer, Fault, Payment, Provider, Verdict};

/// A call for somebody who waits for its answer.
pub(crate) struct Errand<K> {
    pub(crate) who: K,
    pub(crate) call: Call,
}

/// The answer.
pub(crate) struct Return<K> {
    pub(crate) who: K,
    pub(crate) call: Call,
    pub(crate) said: Said,
}

/// Starts the thread. It ends once `UnboundedSender` is dropped and all that is under way has come back; the channel
/// holds no more than the desk lets be under way.
pub(crate) fn start<P: Provider, K: Send + 'static>(
    provider: Arc<P>,
    call_timeout: Duration,
    returns: Sender<Return<K>>,
) -> std::io::Result<(UnboundedSender<Errand<K>>, JoinHandle<()>)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, errands) = unbounded_channel();
    let builder = std::thread::Builder::new().name("payment-calls".to_owned());
    let handle = builder.spawn(move || runtime.block_on(run(provider, call_timeout, errands, returns)))?;
    Ok((sender, handle))
}

async fn run<P: Provider, K: Send + 'static>(
    provider: Arc<P>,
    call_timeout: Duration,
    mut errands: UnboundedReceiver<Errand<K>>,
    returns: Sender<Return<K>>,
) {
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            errand = errands.recv() => match errand {
                Some(Errand { who, call }) => {
                    let (provider, returns) = (Arc::clone(&provider), returns.clone());
                    under_way.spawn(async move {
                        let said = tokio::time::timeout(call_timeout, perform(provider.as_ref(), &call)).await;
                        let said = said.unwrap_or_else(|_| Said::Fault(timed_out(call_timeout)));
                        // Nobody listens any more when the desk has stopped at once.
                        returns.send(Return { who, call, said }).ok();
                    });
                }
                None => break,
            },
            Some(_) = under_way.join_next() => {}
        }
    }
    while under_way.join_next().await.is_some() {}
}

fn timed_out(timeout: Duration) -> Fault {
    Fault::new(Verdict::LookUp, format!("the payment provider did not answer within {timeout:?}"))
}

async fn perform<P: Provider>(provider: &P, call: &Call) -> Said {
    let one = |answer: Answer<Payment>| answer.map_or_else(Said::Fault, Said::Payment);
    match call {
        Call::Authorise(charge) => one(provider.authorise(charge).await),
        Call::Capture { order, id } => one(provider.capture(*order, id).await),
        Call::Void { order, id } => one(provider.void(*order, id).await),
        Call::Refund { order, id, amount } => one(provider.refund(*order, id, *amount).await),
        Call::Retrieve { id } => one(provider.retrieve(id).await),
        Call::LookUp { order } => provider.look_up(*order).await.map_or_else(Said::Fault, Said::Payments),
    }
}

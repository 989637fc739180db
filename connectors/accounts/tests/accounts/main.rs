//! Accounts and carts over DynamoDB in this process and DynamoDB Local alike.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod carts;
mod erase;
mod letters;
mod log_in;
mod register;
mod rig;

/// Runs a test over both stand-ins for DynamoDB, each time with tables of its own.
macro_rules! over_both {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn in_this_process() {
                super::$name(crate::rig::Rig::start(&crate::rig::dynoxide()).await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn over_dynamodb_local() {
                super::$name(crate::rig::Rig::start(&testbed::shared_dynamodb().unwrap().url()).await).await;
            }
        }
    )+};
}
pub(crate) use over_both;

//! What somebody with an account asks to be told.

use sink_push::contacts::{Interest, Subscriber};
use tables::sdk::types::TransactWriteItem;

use super::Accounts;
use crate::error::Trouble;
use crate::store::{StoreError, write_all};

const WRITE: &str = "note what somebody asks to be told";

impl Accounts {
    /// Notes that somebody wants to be told; whoever asks again later is told again. `false`: the account is gone, or being
    /// deleted. An access token outlives it, and nothing is to be noted of whoever was deleted.
    pub async fn subscribe(&self, interest: &Interest, subscriber: Subscriber) -> Result<bool, Trouble> {
        let account = self.inner.accounts.is_there(subscriber.customer)?;
        let put = self.inner.contacts.subscription(interest, subscriber);
        let put = put.map_err(|error| StoreError::bug(WRITE, error))?;
        let put = TransactWriteItem::builder().put(put).build();
        Ok(write_all(&self.inner.tables, vec![account, put], WRITE).await?)
    }
}

//! Notices as the command line sends them: claims and contacts in DynamoDB, channels as the configuration names them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use order_model::Partition;
use sink::{Batch, Fault, Reached, Refused, Target};
use sink_push::{Claims, Courier, Equipment, PushSink, TableClaims, TableContacts};
use tables::Table;

use crate::config::in_options;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;
use crate::times;

/// How long notices that could be sent are waited for before a run that has an end gives them to the next.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long attempts under way may take to come to their end when a run ends.
const LAST_ATTEMPTS_TIMEOUT: Duration = Duration::from_secs(15);

/// The push sink over tables.
pub type Push = PushSink<TableClaims, TableContacts>;

/// The delivery of notices, which goes on by itself.
pub struct Delivery(Courier<TableClaims, TableContacts>);

impl Context {
    /// The push sink: begins to deliver at once what is claimed and not delivered.
    pub async fn push_target(&self) -> Result<(Push, Delivery)> {
        let made = self.settings.push.equip().await;
        let Equipment { channels, shop, templates, .. } =
            made.map_err(|error| Failure::usage(in_options(&error)).next("pipeline config show --options"))?;
        let (claims, contacts) = (self.claims().await?, self.contacts().await?);
        let clock = Arc::new(times::now);
        let push = PushSink::start(sink_push::Parts { claims, contacts, templates, shop, channels, clock });
        let delivery = Delivery(push.courier());
        Ok((push, delivery))
    }

    /// The claims of notices.
    pub async fn claims(&self) -> Result<TableClaims> {
        let tables = self.tables().await?;
        tables.check(&[Table::Notices]).await.context("look at the table of notices")?;
        Ok(TableClaims::over(tables))
    }

    /// Where people are told.
    pub async fn contacts(&self) -> Result<TableContacts> {
        let tables = self.tables().await?;
        tables.check(&TableContacts::TABLES).await.context("look at the tables of contacts")?;
        Ok(TableContacts::over(tables))
    }
}

impl Delivery {
    /// Waits until what can be sent now is sent.
    pub async fn finish(&self) {
        if !self.0.delivered(DELIVERY_TIMEOUT).await {
            note("some notices could not be sent yet; the next run goes on with them");
        }
    }

    /// Begins no further attempt, waits for those under way, and says what became of notices.
    pub async fn end(&self) {
        self.0.drain(LAST_ATTEMPTS_TIMEOUT).await;
        for status in self.0.status() {
            let sink_push::ChannelStatus { channel, sent, failed, unknown, expired, retried, .. } = status;
            if sent + failed + unknown + expired + retried > 0 {
                note(format!(
                    "{}: {sent} sent, {failed} refused, {unknown} with an outcome nobody knows, {expired} no longer of use \
                     or wanted, {retried} attempts to be repeated",
                    channel.name()
                ));
            }
        }
    }
}

/// How far notices are claimed, for whoever only looks: delivers nothing.
pub struct Claimed(pub TableClaims);

impl Target for Claimed {
    fn name(&self) -> &'static str {
        "push"
    }

    async fn reached(&mut self, partition: Partition) -> Result<Reached, Fault> {
        Ok(self.0.reached(partition).await?)
    }

    async fn write(&mut self, _batches: &[Batch]) -> Result<Vec<Refused>, Fault> {
        Err(Fault::Halt("this only looks at how far the sink is".to_owned()))
    }

    async fn advance(&mut self, _progress: &[(Partition, Reached)]) -> Result<(), Fault> {
        Err(Fault::Halt("this only looks at how far the sink is".to_owned()))
    }
}

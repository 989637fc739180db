//! Making the tables that are missing. A table that exists is left as it is, but for the expiry of its items.

use std::time::Duration;

use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, Projection, TableDescription,
    TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use tokio::time::Instant;

use crate::classify::{Failure, Verdict, classify};
use crate::definition::{Definition, Key};
use crate::limits::{ACTIVE_STEP_MS_MAX, ACTIVE_STEP_MS_MIN, ACTIVE_TIMEOUT_SECONDS};
use crate::{Table, Tables, TablesError};

/// What `create` did about a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Creation {
    /// The table's name, with the prefix.
    pub table: String,
    /// Whether it was made now; otherwise it was there.
    pub is_new: bool,
    /// Whether the expiry of its items was switched on now.
    pub expiry_is_new: bool,
}

impl Tables {
    /// Makes those of `tables` that are missing, waits until all are active, and switches the expiry of items on.
    pub async fn create(&self, tables: &[Table]) -> Result<Vec<Creation>, TablesError> {
        let mut done = Vec::with_capacity(tables.len());
        for table in tables {
            let definition = table.definition()?;
            let is_new = self.make(*table, &definition).await?;
            done.push(Creation { table: self.name(*table), is_new, expiry_is_new: false });
        }
        // Asked for all first and waited for after, since each takes AWS seconds.
        for (table, creation) in tables.iter().zip(&mut done) {
            self.wait_until_active(*table).await?;
            creation.expiry_is_new = self.let_expire(*table, &table.definition()?).await?;
        }
        Ok(done)
    }

    /// A table's description, or `None` when there is no such table.
    pub(crate) async fn describe(&self, table: Table) -> Result<Option<TableDescription>, TablesError> {
        let answer = self.client().describe_table().table_name(self.name(table)).send().await;
        match answer {
            Ok(answer) => Ok(answer.table),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DescribeTableError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(self.refused("look at table", table, classify(&error))),
        }
    }

    async fn make(&self, table: Table, definition: &Definition) -> Result<bool, TablesError> {
        if self.describe(table).await?.is_some() {
            return Ok(false);
        }
        let bad = |error: aws_sdk_dynamodb::error::BuildError| TablesError::BadDefinition {
            table: table.name(),
            detail: error.to_string(),
        };
        let mut attributes = Vec::new();
        for attribute in &definition.attribute_definitions {
            attributes.push(
                AttributeDefinition::builder()
                    .attribute_name(&attribute.attribute_name)
                    .attribute_type(attribute.attribute_type.as_str().into())
                    .build()
                    .map_err(bad)?,
            );
        }
        let mut indexes = Vec::new();
        for index in &definition.global_secondary_indexes {
            let projection = Projection::builder()
                .projection_type(index.projection.projection_type.as_str().into())
                .build();
            indexes.push(
                GlobalSecondaryIndex::builder()
                    .index_name(&index.index_name)
                    .set_key_schema(Some(key_schema(&index.key_schema).map_err(bad)?))
                    .projection(projection)
                    .build()
                    .map_err(bad)?,
            );
        }
        let answer = self
            .client()
            .create_table()
            .table_name(self.name(table))
            .billing_mode(BillingMode::from(definition.billing_mode.as_str()))
            .set_attribute_definitions(Some(attributes))
            .set_key_schema(Some(key_schema(&definition.key_schema).map_err(bad)?))
            .set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(true),
            // Somebody else made it since we looked.
            Err(error)
                if error.as_service_error().is_some_and(|error| error.is_resource_in_use_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(self.refused("create table", table, classify(&error))),
        }
    }

    async fn wait_until_active(&self, table: Table) -> Result<(), TablesError> {
        let deadline = Instant::now() + Duration::from_secs(ACTIVE_TIMEOUT_SECONDS);
        let mut step_ms = ACTIVE_STEP_MS_MIN;
        loop {
            let state = match self.describe(table).await {
                Ok(description) => description.and_then(|description| description.table_status),
                Err(error) if is_passing(&error) => None,
                Err(error) => return Err(error),
            };
            if state == Some(TableStatus::Active) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let state = state.map_or_else(|| "not to be seen".to_owned(), |state| state.to_string());
                let seconds = ACTIVE_TIMEOUT_SECONDS;
                return Err(TablesError::NotActive { table: self.name(table), state, seconds });
            }
            tokio::time::sleep(Duration::from_millis(step_ms)).await;
            step_ms = (2 * step_ms).min(ACTIVE_STEP_MS_MAX);
        }
    }

    async fn let_expire(&self, table: Table, definition: &Definition) -> Result<bool, TablesError> {
        let Some(expiry) = &definition.time_to_live_specification else { return Ok(false) };
        if self.expiry(table).await?.is_some() {
            return Ok(false);
        }
        let specification = TimeToLiveSpecification::builder()
            .attribute_name(&expiry.attribute_name)
            .enabled(expiry.enabled)
            .build()
            .map_err(|error| TablesError::BadDefinition { table: table.name(), detail: error.to_string() })?;
        let asked = self
            .client()
            .update_time_to_live()
            .table_name(self.name(table))
            .time_to_live_specification(specification);
        match asked.send().await {
            Ok(_) => Ok(true),
            Err(error) => Err(self.refused("let items expire in table", table, classify(&error))),
        }
    }

    /// The attribute by which a table's items expire, if they do.
    pub(crate) async fn expiry(&self, table: Table) -> Result<Option<String>, TablesError> {
        let answer = self.client().describe_time_to_live().table_name(self.name(table)).send().await;
        let answer =
            answer.map_err(|error| self.refused("look at the expiry of table", table, classify(&error)))?;
        let is_on = |status: &TimeToLiveStatus| {
            matches!(status, TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
        };
        Ok(answer
            .time_to_live_description
            .filter(|description| description.time_to_live_status.as_ref().is_some_and(is_on))
            .and_then(|description| description.attribute_name))
    }

    pub(crate) fn refused(&self, action: &'static str, table: Table, failure: Failure) -> TablesError {
        TablesError::Refused { action, table: self.name(table), failure }
    }
}

fn is_passing(error: &TablesError) -> bool {
    let TablesError::Refused { failure, .. } = error else { return false };
    matches!(failure.verdict, Verdict::Retry | Verdict::Throttled)
}

fn key_schema(keys: &[Key]) -> Result<Vec<KeySchemaElement>, aws_sdk_dynamodb::error::BuildError> {
    keys.iter()
        .map(|key| {
            KeySchemaElement::builder()
                .attribute_name(&key.attribute_name)
                .key_type(key.key_type.name().into())
                .build()
        })
        .collect()
}

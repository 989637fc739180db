//! Claims in the DynamoDB table `notices`: what several processes, and one after the other, tell people from.
//!
//! Promised, as by every store: one caller alone wins a step. Each step is one conditional write to one item, and names the
//! number of attempts it goes on from. A write whose answer was lost is made again and recognised: an attempt carries a token
//! that no other call has. When that does not help either, the claim stays `attempting`, and the channel's rule for unknown
//! outcomes is followed once its time is over.
//!
//! [`Claims::open`] goes by a global index, which AWS fills a little later than the table. That is safe: the index only names
//! claims, which are then read from the table itself, and a step is taken on the table's word alone. A claim that the index
//! does not name yet waits for the next look; one it still names is read, found settled, and left.
//!
//! Not promised: that a claim is kept for ever. It goes [`CLAIM_RETENTION_MS`](crate::limits::CLAIM_RETENTION_MS) after its
//! notice became pointless; whoever reads decisions again that are older than that claims them anew, and finds them pointless.

use std::collections::{BTreeSet, HashMap};

use order_model::{Partition, TimeMs};
use sink::Reached;
use tables::sdk::operation::put_item::PutItemError;
use tables::sdk::operation::update_item::UpdateItemError;
use tables::sdk::operation::update_item::builders::UpdateItemFluentBuilder;
use tables::sdk::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use tables::{Failure, Table, TableOptions, Tables, TablesError, Verdict};

use super::{Claim, ClaimKey, ClaimState, Claims, ClaimsError, Recorded, Settled, Slot, StepToken};
use crate::requests::{Attributes, all, ask, items, number, text};

mod item;
mod open;

/// Claims in the table `notices`.
#[derive(Debug)]
pub struct TableClaims {
    tables: Tables,
}

/// What a conditional write found.
enum Written {
    /// It was done; the item as it stands now, where that was asked for.
    Done(Option<Attributes>),
    /// Its condition did not hold; the item as it stands, if there is one.
    Stands(Option<Attributes>),
}

impl TableClaims {
    /// Claims in the table that `options` name, once it is found to be sound.
    pub async fn open(options: &TableOptions) -> Result<Self, TablesError> {
        let tables = Tables::connect(options).await?;
        tables.check(&[Table::Notices]).await?;
        Ok(Self::over(tables))
    }

    /// Claims in a table that is known to be sound.
    pub fn over(tables: Tables) -> Self {
        Self { tables }
    }

    fn update(&self, key: &ClaimKey, attempts: u32) -> UpdateItemFluentBuilder {
        self.tables
            .client()
            .update_item()
            .table_name(self.tables.name(Table::Notices))
            .set_key(Some(item::key(key)))
            .condition_expression("attribute_exists(#open) AND #attempts = :attempts")
            .expression_attribute_names("#open", "open")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#due", "due")
            .expression_attribute_values(":attempts", number(attempts))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn carry_out(
        &self,
        key: Attributes,
        update: UpdateItemFluentBuilder,
    ) -> Result<Written, ClaimsError> {
        let denied = match ask(|| update.clone().send()).await {
            Ok(answer) => return Ok(Written::Done(answer.attributes)),
            Err(denied) => denied,
        };
        if denied.failure.verdict != Verdict::Superseded {
            return Err(denied.failure.into());
        }
        let standing = match denied.error.into_service_error() {
            UpdateItemError::ConditionalCheckFailedException(failed) => failed.item,
            _ => None,
        };
        // Some stand-ins do not say what stands there.
        let standing = match standing {
            Some(standing) => Some(standing),
            None => get(&self.tables, key).await?,
        };
        Ok(Written::Stands(standing))
    }
}

async fn get(tables: &Tables, key: Attributes) -> Result<Option<Attributes>, Failure> {
    let request = tables
        .client()
        .get_item()
        .table_name(tables.name(Table::Notices))
        .set_key(Some(key))
        .consistent_read(true);
    let answer = ask(|| request.clone().send()).await.map_err(|denied| denied.failure)?;
    Ok(answer.item)
}

/// Puts a claim where none stands, or in the place of one that yields.
async fn record_one(tables: Tables, claim: Claim) -> Result<Recorded, ClaimsError> {
    let mut request = tables
        .client()
        .put_item()
        .table_name(tables.name(Table::Notices))
        .set_item(Some(item::item(&claim)?))
        .expression_attribute_names("#order", "order")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
    request = if claim.yields_to_newer() {
        request
            .condition_expression(
                "attribute_not_exists(#order) OR (#state = :claimed AND #attempts = :none AND #sequence < :sequence)",
            )
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#attempts", "attempts")
            .expression_attribute_names("#sequence", "sequence")
            .expression_attribute_values(":claimed", text(ClaimState::Claimed.name()))
            .expression_attribute_values(":none", number(0))
            .expression_attribute_values(":sequence", number(claim.sequence))
    } else {
        request.condition_expression("attribute_not_exists(#order)")
    };
    let denied = match ask(|| request.clone().send()).await {
        Ok(_) => return Ok(Recorded::New),
        Err(denied) => denied,
    };
    if denied.failure.verdict != Verdict::Superseded {
        return Err(denied.failure.into());
    }
    let standing = match denied.error.into_service_error() {
        PutItemError::ConditionalCheckFailedException(failed) => failed.item,
        _ => None,
    };
    let standing = match standing {
        Some(standing) => Some(standing),
        None => get(&tables, item::key(&claim.key)).await?,
    };
    let Some(standing) = standing else {
        return Err(ClaimsError::Retry(format!("the claim {} went while it was looked at", claim.key)));
    };
    Ok(Recorded::Standing(item::claim(&standing)?.sequence))
}

impl Claims for TableClaims {
    async fn record(&self, claims: &[Claim]) -> Result<Vec<Recorded>, ClaimsError> {
        let puts = claims.iter().map(|claim| record_one(self.tables.clone(), claim.clone()));
        let puts = puts.collect();
        all(puts).await
    }

    async fn find(&self, keys: &[ClaimKey]) -> Result<Vec<Option<Claim>>, ClaimsError> {
        let distinct: BTreeSet<&ClaimKey> = keys.iter().collect();
        let wanted: Vec<Attributes> = distinct.into_iter().map(item::key).collect();
        let mut found: HashMap<ClaimKey, Claim> = HashMap::new();
        for item in items(&self.tables, Table::Notices, &wanted).await? {
            let claim = item::claim(&item)?;
            found.insert(claim.key.clone(), claim);
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn of(&self, subject: &str) -> Result<Vec<Claim>, ClaimsError> {
        let request = self
            .tables
            .client()
            .query()
            .table_name(self.tables.name(Table::Notices))
            .key_condition_expression("#order = :order")
            .expression_attribute_names("#order", "order")
            .expression_attribute_values(":order", text(subject))
            .consistent_read(true);
        let (mut claims, mut next) = (Vec::new(), None);
        loop {
            let page = request.clone().set_exclusive_start_key(next);
            let answer = ask(|| page.clone().send()).await.map_err(|denied| denied.failure)?;
            for item in answer.items.unwrap_or_default() {
                claims.push(item::claim(&item)?);
            }
            next = answer.last_evaluated_key;
            if next.is_none() {
                break;
            }
        }
        claims.sort_by(|one, other| one.key.cmp(&other.key));
        Ok(claims)
    }

    async fn begin(
        &self,
        key: &ClaimKey,
        attempts: u32,
        until: TimeMs,
        token: StepToken,
    ) -> Result<Option<Claim>, ClaimsError> {
        let token = token.to_string();
        let update = self
            .update(key, attempts)
            .update_expression("SET #state = :state, #attempts = :next, #due = :until, #token = :token")
            .expression_attribute_names("#token", "token")
            .expression_attribute_values(":state", text(ClaimState::Attempting.name()))
            .expression_attribute_values(":next", number(attempts.saturating_add(1)))
            .expression_attribute_values(":until", number(until))
            .expression_attribute_values(":token", text(&token))
            .return_values(ReturnValue::AllNew);
        let begun = match self.carry_out(item::key(key), update).await? {
            Written::Done(item) => item,
            // Ours, when an earlier try was carried out and its answer lost.
            Written::Stands(item) => item.filter(|item| {
                item::string(item, "token") == Some(&token)
                    && item::string(item, "state") == Some(ClaimState::Attempting.name())
            }),
        };
        begun.as_ref().map(item::claim).transpose()
    }

    async fn settle(&self, key: &ClaimKey, attempts: u32, settled: Settled) -> Result<bool, ClaimsError> {
        let close = if settled.state.is_open() { "" } else { " REMOVE #open" };
        let update = self
            .update(key, attempts)
            .update_expression(format!("SET #state = :state, #due = :due, #detail = :detail{close}"))
            .expression_attribute_names("#detail", "detail")
            .expression_attribute_values(":state", text(settled.state.name()))
            .expression_attribute_values(":due", number(settled.due))
            .expression_attribute_values(":detail", text(&settled.detail));
        Ok(match self.carry_out(item::key(key), update).await? {
            Written::Done(_) => true,
            // What was asked for stands there: by an earlier try, or by somebody who saw the same end of the same attempt.
            Written::Stands(item) => item.is_some_and(|item| is_settled(&item, attempts, &settled)),
        })
    }

    async fn open(&self, slot: Slot, now: TimeMs, max: usize) -> Result<Vec<Claim>, ClaimsError> {
        open::find(&self.tables, slot, now, max).await
    }

    async fn reached(&self, partition: Partition) -> Result<Reached, ClaimsError> {
        let item = get(&self.tables, item::progress_key(partition)).await?;
        item.map_or_else(|| Ok(Reached::default()), |item| item::reached(partition, &item))
    }

    async fn advance(&self, progress: &[(Partition, Reached)]) -> Result<(), ClaimsError> {
        let written = progress.iter().map(|(partition, reached)| {
            let (tables, partition, reached) = (self.tables.clone(), *partition, *reached);
            async move { advance_one(&tables, partition, reached).await }
        });
        let written = written.collect();
        all::<(), ClaimsError, _>(written).await.map(|_| ())
    }
}

fn is_settled(item: &Attributes, attempts: u32, settled: &Settled) -> bool {
    item::string(item, "state") == Some(settled.state.name())
        && item::int(item, "attempts") == Some(attempts.into())
        && item::int(item, "due") == Some(settled.due.0)
        && item::string(item, "detail") == Some(settled.detail.as_str())
}

async fn advance_one(tables: &Tables, partition: Partition, reached: Reached) -> Result<(), ClaimsError> {
    let (sequence, offset): (AttributeValue, AttributeValue) =
        (number(reached.sequence), number(reached.next_offset));
    let request = tables
        .client()
        .put_item()
        .table_name(tables.name(Table::Notices))
        .set_item(Some(item::progress_key(partition)))
        .item("sequence", sequence.clone())
        .item("next_offset", offset.clone())
        .condition_expression(
            "attribute_not_exists(#order) OR #sequence < :sequence OR (#sequence = :sequence AND #next < :next)",
        )
        .expression_attribute_names("#order", "order")
        .expression_attribute_names("#sequence", "sequence")
        .expression_attribute_names("#next", "next_offset")
        .expression_attribute_values(":sequence", sequence)
        .expression_attribute_values(":next", offset);
    match ask(|| request.clone().send()).await {
        Ok(_) => Ok(()),
        Err(denied) if denied.failure.verdict == Verdict::Superseded => Ok(()),
        Err(denied) => Err(denied.failure.into()),
    }
}

impl From<Failure> for ClaimsError {
    fn from(failure: Failure) -> Self {
        match failure.verdict {
            Verdict::Superseded | Verdict::Exists | Verdict::Throttled | Verdict::Retry => {
                Self::Retry(failure.detail)
            }
            // A claim has some kilobytes: one that is too large was not written by us.
            Verdict::Refused | Verdict::Halt => Self::Halt(failure.detail),
        }
    }
}

//! Contacts in the DynamoDB tables `contacts` and `subscriptions`.
//!
//! A contact is one item: the address of each channel under the channel's name, the locale, and in the set `muted` what is
//! not wanted, as `CHANNEL CLASS`. Adding to the set is one write that needs no reading first: nobody's wish to be left alone
//! is lost by two writes at a time.
//!
//! What somebody else wrote into these tables that is no address is read as one that cannot be: it becomes a dead letter,
//! and holds nobody else up.

use std::collections::{BTreeSet, HashMap};

use order_model::{CustomerId, TimeMs};
use tables::sdk::types::{AttributeValue, Put};
use tables::{Failure, Table, TableOptions, Tables, TablesError};

use super::{
    Address, ChannelKind, Contact, Contacts, ContactsError, Interest, Mute, Subscriber, WebSubscription,
};
use crate::limits::SUBSCRIPTION_MS;
use crate::notice::Class;
use crate::requests::{Attributes, ask, items, number, text};

/// The second key of a contact.
const CONTACT: &str = "contact";

/// Contacts in the tables `contacts` and `subscriptions`.
#[derive(Clone, Debug)]
pub struct TableContacts {
    tables: Tables,
}

impl From<Failure> for ContactsError {
    fn from(failure: Failure) -> Self {
        Self(failure.detail)
    }
}

impl TableContacts {
    /// The tables it is made of.
    pub const TABLES: [Table; 2] = [Table::Contacts, Table::Subscriptions];

    /// Contacts in the tables that `options` name, once they are found to be sound.
    pub async fn open(options: &TableOptions) -> Result<Self, TablesError> {
        let tables = Tables::connect(options).await?;
        tables.check(&Self::TABLES).await?;
        Ok(Self::over(tables))
    }

    /// Contacts in tables that are known to be sound.
    pub fn over(tables: Tables) -> Self {
        Self { tables }
    }

    /// Puts a contact's locale and addresses in the place of earlier ones, and adds what it does not want: only
    /// [`TableContacts::unmute`] takes that back.
    pub async fn put(&self, customer: CustomerId, contact: &Contact) -> Result<(), ContactsError> {
        let (mut set, mut remove) = (vec!["#locale = :locale".to_owned()], Vec::new());
        let mut request = self
            .tables
            .client()
            .update_item()
            .table_name(self.tables.name(Table::Contacts))
            .set_key(Some(key(customer)))
            .expression_attribute_names("#locale", "locale")
            .expression_attribute_values(":locale", text(&contact.locale));
        for channel in ChannelKind::ALL {
            let number = channel.number();
            request = request.expression_attribute_names(format!("#c{number}"), channel.name());
            match contact.address(channel) {
                Some(address) => {
                    set.push(format!("#c{number} = :c{number}"));
                    request = request.expression_attribute_values(format!(":c{number}"), value(address));
                }
                None => remove.push(format!("#c{number}")),
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !remove.is_empty() {
            expression.push_str(&format!(" REMOVE {}", remove.join(", ")));
        }
        if !contact.muted.is_empty() {
            expression.push_str(" ADD #muted :muted");
            let muted = contact.muted.iter().copied().map(mute_name).collect();
            request = request
                .expression_attribute_names("#muted", "muted")
                .expression_attribute_values(":muted", AttributeValue::Ss(muted));
        }
        let request = request.update_expression(expression);
        ask(|| request.clone().send()).await.map_err(|denied| denied.failure)?;
        Ok(())
    }

    /// Notes that somebody wants something after all.
    pub async fn unmute(&self, customer: CustomerId, mute: Mute) -> Result<(), ContactsError> {
        self.change_muted("DELETE", customer, mute).await
    }

    /// Notes that somebody wants to be told; whoever asks again later is told again. Asks nobody who that is: for whom there
    /// may be an account, the write belongs together with a look at it ([`Self::subscription`]).
    pub async fn subscribe(&self, interest: &Interest, subscriber: Subscriber) -> Result<(), ContactsError> {
        let request = self
            .tables
            .client()
            .put_item()
            .table_name(self.tables.name(Table::Subscriptions))
            .set_item(Some(subscription(interest, subscriber)));
        ask(|| request.clone().send()).await.map_err(|denied| denied.failure)?;
        Ok(())
    }

    /// The same as a part of a larger write.
    pub fn subscription(&self, interest: &Interest, subscriber: Subscriber) -> Result<Put, ContactsError> {
        Put::builder()
            .table_name(self.tables.name(Table::Subscriptions))
            .set_item(Some(subscription(interest, subscriber)))
            .build()
            .map_err(|error| ContactsError(error.to_string()))
    }

    /// Notes that somebody no longer wants to be told.
    pub async fn unsubscribe(&self, interest: &Interest, customer: CustomerId) -> Result<(), ContactsError> {
        let request = self
            .tables
            .client()
            .delete_item()
            .table_name(self.tables.name(Table::Subscriptions))
            .key("interest", text(interest_name(interest)))
            .key("customer", text(customer.to_string()));
        ask(|| request.clone().send()).await.map_err(|denied| denied.failure)?;
        Ok(())
    }

    async fn change_muted(&self, how: &str, customer: CustomerId, mute: Mute) -> Result<(), ContactsError> {
        let request = self
            .tables
            .client()
            .update_item()
            .table_name(self.tables.name(Table::Contacts))
            .set_key(Some(key(customer)))
            .update_expression(format!("{how} #muted :muted"))
            .expression_attribute_names("#muted", "muted")
            .expression_attribute_values(":muted", AttributeValue::Ss(vec![mute_name(mute)]));
        ask(|| request.clone().send()).await.map_err(|denied| denied.failure)?;
        Ok(())
    }
}

impl Contacts for TableContacts {
    async fn of(&self, customers: &[CustomerId]) -> Result<Vec<Option<Contact>>, ContactsError> {
        let distinct: BTreeSet<CustomerId> = customers.iter().copied().collect();
        let keys: Vec<Attributes> = distinct.into_iter().map(key).collect();
        let found = items(&self.tables, Table::Contacts, &keys).await?;
        let known = found
            .iter()
            .filter_map(|item| Some((string(item.get("customer")?)?.parse().ok()?, contact(item))));
        let known: HashMap<CustomerId, Contact> = known.collect();
        Ok(customers.iter().map(|customer| known.get(customer).cloned()).collect())
    }

    async fn subscribers(
        &self,
        interest: &Interest,
        after: Option<CustomerId>,
        max: usize,
    ) -> Result<Vec<Subscriber>, ContactsError> {
        let mut found = Vec::new();
        // Every id is greater than the empty text.
        let mut after = after.map(|customer| customer.to_string()).unwrap_or_default();
        while found.len() < max {
            let left = i32::try_from(max - found.len()).unwrap_or(i32::MAX);
            let mut request = self
                .tables
                .client()
                .query()
                .table_name(self.tables.name(Table::Subscriptions))
                .expression_attribute_names("#interest", "interest")
                .expression_attribute_values(":interest", text(interest_name(interest)))
                .consistent_read(true)
                .limit(left);
            request = if after.is_empty() {
                request.key_condition_expression("#interest = :interest")
            } else {
                request
                    .key_condition_expression("#interest = :interest AND #customer > :after")
                    .expression_attribute_names("#customer", "customer")
                    .expression_attribute_values(":after", text(&after))
            };
            let answer = ask(|| request.clone().send()).await.map_err(|denied| denied.failure)?;
            found.extend(answer.items.unwrap_or_default().iter().filter_map(subscriber));
            match answer.last_evaluated_key.and_then(|key| string(key.get("customer")?).map(str::to_owned)) {
                Some(last) => after = last,
                None => break,
            }
        }
        Ok(found)
    }

    async fn mute(&self, customer: CustomerId, mute: Mute) -> Result<(), ContactsError> {
        self.change_muted("ADD", customer, mute).await
    }
}

fn key(customer: CustomerId) -> Attributes {
    let customer = text(customer.to_string());
    Attributes::from([("customer".to_owned(), customer), ("part".to_owned(), text(CONTACT))])
}

/// It goes by itself after a while: what is found by the customer, as a deletion finds it, may lag behind what was written.
fn subscription(interest: &Interest, subscriber: Subscriber) -> Attributes {
    let expires_at = subscriber.since.0.saturating_add(SUBSCRIPTION_MS).div_ceil(1_000);
    Attributes::from([
        ("interest".to_owned(), text(interest_name(interest))),
        ("customer".to_owned(), text(subscriber.customer.to_string())),
        ("since".to_owned(), number(subscriber.since)),
        ("expires_at".to_owned(), number(expires_at)),
    ])
}

fn interest_name(interest: &Interest) -> String {
    match interest {
        Interest::Opening(sku) => format!("opening#{sku}"),
        Interest::Stock(sku) => format!("stock#{sku}"),
    }
}

fn mute_name(mute: Mute) -> String {
    format!("{} {}", mute.channel.name(), mute.class.name())
}

fn mute_of(name: &str) -> Option<Mute> {
    let (channel, class) = name.split_once(' ')?;
    Some(Mute {
        channel: ChannelKind::ALL.into_iter().find(|known| known.name() == channel)?,
        class: Class::ALL.into_iter().find(|known| known.name() == class)?,
    })
}

fn value(address: &Address) -> AttributeValue {
    match address {
        Address::WebPush(WebSubscription { endpoint, p256dh, auth }) => AttributeValue::M(HashMap::from([
            ("endpoint".to_owned(), text(endpoint)),
            ("p256dh".to_owned(), text(p256dh)),
            ("auth".to_owned(), text(auth)),
        ])),
        other => text(other.text()),
    }
}

/// What stands under a channel's name, whatever it is: whether it is an address is judged where addresses are.
fn address(channel: ChannelKind, value: &AttributeValue) -> Address {
    let text = string(value).map_or_else(|| format!("<{value:?}>"), str::to_owned);
    match channel {
        ChannelKind::Email => Address::Email(text),
        ChannelKind::Sms => Address::Sms(text),
        ChannelKind::MobilePush => Address::MobilePush(text),
        ChannelKind::Webhook => Address::Webhook(text),
        ChannelKind::WebPush => {
            let part =
                |name: &str| value.as_m().ok().and_then(|map| string(map.get(name)?)).unwrap_or_default();
            let (endpoint, p256dh, auth) = (part("endpoint"), part("p256dh"), part("auth"));
            Address::WebPush(WebSubscription {
                endpoint: endpoint.to_owned(),
                p256dh: p256dh.to_owned(),
                auth: auth.to_owned(),
            })
        }
    }
}

fn contact(item: &Attributes) -> Contact {
    let addresses =
        ChannelKind::ALL.into_iter().filter_map(|channel| Some(address(channel, item.get(channel.name())?)));
    let muted = item.get("muted").and_then(|muted| muted.as_ss().ok());
    let muted: BTreeSet<&String> = muted.into_iter().flatten().collect();
    Contact {
        locale: item.get("locale").and_then(string).unwrap_or_default().to_owned(),
        addresses: addresses.collect(),
        muted: muted.into_iter().filter_map(|name| mute_of(name)).collect(),
    }
}

/// Who asked; whoever has a name that is none cannot be told.
fn subscriber(item: &Attributes) -> Option<Subscriber> {
    let customer = string(item.get("customer")?)?.parse().ok()?;
    let since = item.get("since").and_then(|since| since.as_n().ok()?.parse().ok());
    Some(Subscriber { customer, since: TimeMs(since.unwrap_or_default()) })
}

fn string(value: &AttributeValue) -> Option<&str> {
    value.as_s().ok().map(String::as_str)
}

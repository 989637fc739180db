//! Deleting somebody's data: nothing of theirs is left, and nothing of others is gone.

use std::time::{Duration, Instant};

use accounts::*;
use order_model::{CustomerId, TimeMs};
use sink_push::contacts::{Interest, Subscriber};
use sink_push::{Contacts, TableContacts};
use tables::sdk::types::AttributeValue;
use tables::{Table, Tables};

use crate::over_both;
use crate::rig::*;

over_both!(
    nothing_is_left,
    a_deletion_that_broke_off_is_finished,
    whoever_races_a_deletion_leaves_nothing,
    a_log_in_that_a_deletion_overtakes_leaves_nothing,
    nobody_is_told_what_they_asked_for_before_they_were_deleted
);

async fn settle(rig: &Rig, address: &str) -> (CustomerId, Session) {
    let customer = rig.customer(address, "pass word 1").await;
    let session = rig.log_in(address, "pass word 1").await.unwrap();
    rig.log_in(address, "pass word 9").await.unwrap_err();
    let line = CartLine { sku: "A".parse().unwrap(), quantity: 1 };
    rig.carts.put_line(customer, line).await.unwrap();
    for interest in [Interest::Opening("A".parse().unwrap()), Interest::Stock("B".parse().unwrap())] {
        // Not in the past: DynamoDB Local has a clock of its own, and lets expire what is over.
        let subscriber = Subscriber { customer, since: TimeMs(4_102_444_800_000) };
        assert_eq!(rig.accounts.subscribe(&interest, subscriber).await, Ok(true));
    }
    (customer, session)
}

/// Of the counters only that of the network is left, which knows nobody.
fn is_counter(item: &str) -> bool {
    item.starts_with("sessions") && item.contains("-from-network#")
}

async fn nothing_is_left(rig: Rig) {
    let (anna, session) = settle(&rig, "anna@example.org").await;
    let before: Vec<String> = rig.everything().await;
    let (berta, other) = settle(&rig, "berta@example.org").await;
    assert!(before.iter().any(|item| item.contains("anna@example.org")));
    let is_hers = |item: &&String| item.contains(&anna.to_string());
    // Account and address, log-in, cart, contact, two subscriptions.
    assert_eq!(before.iter().filter(is_hers).count(), 7, "{before:?}");

    rig.accounts.erase(anna).await.unwrap();
    rig.accounts.erase(anna).await.unwrap();
    let after = rig.everything().await;
    for item in &after {
        assert!(!item.contains("anna") && !item.contains(&anna.to_string()), "{item}");
    }
    assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
    assert_eq!(rig.log_in("anna@example.org", "pass word 1").await, Err(LogInError::Wrong));
    assert_eq!(rig.accounts.profile(anna).await, Ok(None));
    assert_eq!(rig.directory().await.customer_of(&mail("anna@example.org")).await, Ok(None));

    // The other customer is as before.
    rig.accounts.refresh(&other.refresh).await.unwrap();
    assert_eq!(rig.carts.get(berta).await.unwrap().lines.len(), 1);
    let contacts = TableContacts::over(rig.tables.clone());
    assert!(contacts.of(&[berta]).await.unwrap()[0].is_some());
    let subscribers = contacts.subscribers(&Interest::Stock("B".parse().unwrap()), None, 9).await.unwrap();
    assert_eq!(subscribers.iter().map(|subscriber| subscriber.customer).collect::<Vec<_>>(), [berta]);

    // The address is free, and who has it now is somebody else.
    let again = rig.customer("anna@example.org", "pass word 2").await;
    assert_ne!(again, anna);
    rig.accounts.erase(again).await.unwrap();
    rig.accounts.erase(berta).await.unwrap();
    let left = rig.everything().await;
    assert!(
        left.iter().all(|item| is_counter(item) || item.contains("attempts#log-ins-of-address")),
        "{left:?}"
    );
}

/// As a gateway leaves it that dies right after marking an account.
async fn mark(tables: &Tables, customer: CustomerId) {
    let update = tables
        .client()
        .update_item()
        .table_name(tables.name(Table::Accounts))
        .key("subject", AttributeValue::S(format!("customer#{customer}")))
        .key("part", AttributeValue::S("account".to_owned()))
        .update_expression("SET erasing = :one ADD epoch :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()));
    update.send().await.unwrap();
}

async fn a_deletion_that_broke_off_is_finished(rig: Rig) {
    let finishers: [(&str, bool); 3] = [("repeat", false), ("log-in", false), ("register", true)];
    for (how, has_account) in finishers {
        let (customer, session) = settle(&rig, "anna@example.org").await;
        let link = rig.link("anna@example.org").await;
        mark(&rig.tables, customer).await;
        assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
        assert_eq!(rig.accounts.profile(customer).await, Ok(None));
        let verified = rig.accounts.verify(&link, &secret("pass word 1")).await;
        assert_eq!(verified, Err(VerifyError::Link(LinkError::Spent)));
        match how {
            "repeat" => rig.accounts.erase(customer).await.unwrap(),
            "log-in" => {
                let refused = rig.log_in("anna@example.org", "pass word 1").await;
                assert_eq!(refused, Err(LogInError::Wrong));
            }
            _ => rig.register("anna@example.org", "pass word 2").await,
        }
        for item in rig.everything().await {
            assert!(!item.contains(&customer.to_string()), "{how}: {item}");
            assert!(has_account || !item.contains("anna"), "{how}: {item}");
        }
        rig.pass(limits::LETTERS_WINDOW_MS);
    }
    rig.log_in("anna@example.org", "pass word 2").await.unwrap();
}

async fn whoever_races_a_deletion_leaves_nothing(rig: Rig) {
    for _ in 0..4 {
        rig.register("anna@example.org", "pass word 1").await;
        let link = rig.link("anna@example.org").await;
        let customer = rig.directory().await.customer_of(&mail("anna@example.org")).await.unwrap().unwrap();
        let racers = [rig.clone(), rig.another().await];
        let log_in = {
            let rig = racers[1].clone();
            tokio::spawn(async move { rig.log_in("anna@example.org", "pass word 1").await.ok() })
        };
        let verify = {
            let rig = racers[0].clone();
            tokio::spawn(async move { rig.accounts.verify(&link, &secret("pass word 1")).await.ok() })
        };
        rig.accounts.erase(customer).await.unwrap();
        log_in.await.unwrap();
        verify.await.unwrap();
        for item in rig.everything().await {
            assert!(!item.contains(&customer.to_string()), "{item}");
        }
        rig.pass(limits::LETTERS_WINDOW_MS);
    }
}

async fn a_log_in_that_a_deletion_overtakes_leaves_nothing(rig: Rig) {
    // Its hash takes as long to check as it took to make: long enough to be overtaken, most of the time.
    let slow = rig.another_at(HashCost { memory_kib: 64 * 1_024, passes: 3, lanes: 1 }).await;
    let counted = async || {
        let items = rig.items(Table::Sessions).await;
        items.iter().filter(|item| item.contains("log-ins-of-address")).count()
    };
    let deadline = Instant::now() + Duration::from_secs(60);
    for round in 0.. {
        let address = format!("r{round}@example.org");
        let customer = slow.customer(&address, "pass word 1").await;
        let before = counted().await;
        let log_in = {
            let (rig, address) = (rig.clone(), address.clone());
            tokio::spawn(async move { rig.log_in(&address, "pass word 1").await })
        };
        while counted().await == before {
            assert!(Instant::now() < deadline, "the log-in does not begin");
        }
        rig.accounts.erase(customer).await.unwrap();
        let outcome = log_in.await.unwrap();
        for item in rig.everything().await {
            assert!(!item.contains(&customer.to_string()), "{item}");
        }
        match outcome {
            Ok(session) => {
                assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
                assert!(Instant::now() < deadline, "no log-in was overtaken in {round} rounds");
            }
            Err(error) => {
                assert_eq!(error, LogInError::Wrong);
                break;
            }
        }
    }
}

async fn nobody_is_told_what_they_asked_for_before_they_were_deleted(rig: Rig) {
    let (anna, session) = settle(&rig, "anna@example.org").await;
    let kept = rig.items(Table::Subscriptions).await;
    // In 2100, and so many days later: what a deletion does not find goes by itself.
    let expires_at = (4_102_444_800_000 + sink_push::limits::SUBSCRIPTION_MS) / 1_000;
    assert!(
        kept.iter().all(|item| item.contains(&format!("\"expires_at\": N(\"{expires_at}\")"))),
        "{kept:?}"
    );
    let subscriber = Subscriber { customer: anna, since: TimeMs(4_102_444_800_000) };
    let interest = Interest::Opening("C".parse().unwrap());
    mark(&rig.tables, anna).await;
    assert_eq!(rig.accounts.subscribe(&interest, subscriber).await, Ok(false), "while she is being deleted");
    rig.accounts.erase(anna).await.unwrap();
    // The access token she had is good for a while yet.
    assert_eq!(rig.accounts.check_access(session.access.expose()), Ok(session.identity));
    assert_eq!(rig.accounts.subscribe(&interest, subscriber).await, Ok(false));
    assert_eq!(rig.items(Table::Subscriptions).await, Vec::<String>::new());
}

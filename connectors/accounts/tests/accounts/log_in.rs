//! Logging in, staying so, and being thrown out.

use std::net::{IpAddr, Ipv4Addr};

use accounts::limits::*;
use accounts::*;
use order_model::CustomerId;
use tables::Table;

use crate::over_both;
use crate::rig::*;

over_both!(
    refresh_tokens_follow_one_another,
    a_token_that_comes_back_ends_the_log_in,
    two_tabs_that_refresh_at_once_both_stay,
    log_ins_end,
    hashes_of_other_costs_are_renewed,
    a_log_out_is_not_undone_by_a_refresh,
    log_ins_are_limited,
    a_changed_password_ends_all_log_ins,
    roles_count_from_the_next_refresh_on,
    the_oldest_of_too_many_log_ins_ends
);

async fn refresh_tokens_follow_one_another(rig: Rig) {
    let customer = rig.customer("anna@example.org", "pass word 1").await;
    let mut session = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    assert_eq!(session.identity.customer, customer);
    let mut gateway = rig.clone();
    for _ in 0..3 {
        rig.pass(ACCESS_MS);
        assert_eq!(gateway.accounts.check_access(session.access.expose()), Err(AccessError::Expired));
        // Each time by a gateway that was just started.
        gateway = rig.another().await;
        let next = gateway.accounts.refresh(&session.refresh).await.unwrap();
        assert_ne!(next.refresh, session.refresh);
        assert_eq!(gateway.accounts.check_access(next.access.expose()), Ok(next.identity));
        session = next;
    }
    let stored = rig.everything().await.concat();
    for token in [session.refresh.expose(), session.access.expose()] {
        assert!(!stored.contains(token), "tokens stand in no table");
    }
    assert!(!format!("{session:?}").contains(session.refresh.expose()));
    for text in ["", "x", &session.refresh.expose()[1..], session.access.expose()] {
        let error = rig.accounts.refresh(&RefreshToken::new(text)).await.unwrap_err();
        assert_eq!(error, RefreshError::NoToken);
    }
}

async fn a_token_that_comes_back_ends_the_log_in(rig: Rig) {
    rig.customer("anna@example.org", "pass word 1").await;
    let first = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    let elsewhere = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    let second = rig.accounts.refresh(&first.refresh).await.unwrap();
    rig.pass(REFRESH_GRACE_MS + 1);
    assert_eq!(rig.accounts.refresh(&first.refresh).await, Err(RefreshError::Reused));
    assert_eq!(rig.accounts.refresh(&second.refresh).await, Err(RefreshError::Ended));
    assert_eq!(rig.accounts.refresh(&first.refresh).await, Err(RefreshError::Ended));
    let elsewhere = rig.accounts.refresh(&elsewhere.refresh).await.unwrap();

    // One before the newest but one is never a second tab.
    let next = rig.accounts.refresh(&elsewhere.refresh).await.unwrap();
    let last = rig.accounts.refresh(&next.refresh).await.unwrap();
    assert_eq!(rig.accounts.refresh(&elsewhere.refresh).await, Err(RefreshError::Reused));
    assert_eq!(rig.accounts.refresh(&last.refresh).await, Err(RefreshError::Ended));
}

async fn two_tabs_that_refresh_at_once_both_stay(rig: Rig) {
    rig.customer("anna@example.org", "pass word 1").await;
    let mut session = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    let other = rig.another().await;
    for _ in 0..5 {
        rig.pass(ACCESS_MS);
        let tabs = [rig.clone(), other.clone(), rig.clone()].map(|gateway| {
            let token = session.refresh.clone();
            tokio::spawn(async move { gateway.accounts.refresh(&token).await.unwrap().refresh })
        });
        let mut tokens = Vec::new();
        for tab in tabs {
            tokens.push(tab.await.unwrap());
        }
        assert!(tokens.iter().all(|token| *token == tokens[0]), "one successor");
        // An answer that got lost is asked for again.
        rig.pass(REFRESH_GRACE_MS);
        session = rig.accounts.refresh(&session.refresh).await.unwrap();
        assert_eq!(session.refresh, tokens[0]);
    }
}

async fn log_ins_end(rig: Rig) {
    rig.customer("anna@example.org", "pass word 1").await;
    let log_in = async || rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    let session = log_in().await;
    let next = rig.accounts.refresh(&session.refresh).await.unwrap();
    rig.accounts.log_out(&session.refresh).await.unwrap();
    rig.accounts.log_out(&session.refresh).await.unwrap();
    rig.accounts.log_out(&RefreshToken::new("none")).await.unwrap();
    assert_eq!(rig.accounts.refresh(&next.refresh).await, Err(RefreshError::Ended));

    // Idle for too long; and at the latest then, however busy.
    let session = log_in().await;
    rig.pass(REFRESH_MS);
    assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
    let mut session = log_in().await;
    let step = REFRESH_MS - 1;
    for _ in 0..FAMILY_MS_MAX / step {
        rig.pass(step);
        session = rig.accounts.refresh(&session.refresh).await.unwrap();
    }
    rig.pass(step);
    assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
}

async fn hashes_of_other_costs_are_renewed(rig: Rig) {
    rig.customer("anna@example.org", "pass word 1").await;
    let costlier = rig.another_at(HashCost { passes: 2, ..CHEAP }).await;
    let kept = async || rig.items(Table::Accounts).await.concat();
    assert!(kept().await.contains("$m=8,t=1,p=1$"));
    let session = costlier.log_in("anna@example.org", "pass word 1").await.unwrap();
    let renewed = kept().await;
    assert!(renewed.contains("$m=8,t=2,p=1$") && !renewed.contains("$m=8,t=1,p=1$"));
    costlier.log_in("anna@example.org", "pass word 1").await.unwrap();
    assert_eq!(kept().await, renewed, "once");
    costlier.accounts.refresh(&session.refresh).await.unwrap();
}

async fn a_log_out_is_not_undone_by_a_refresh(rig: Rig) {
    rig.customer("anna@example.org", "pass word 1").await;
    let other = rig.another().await;
    for _ in 0..20 {
        let session = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
        let (refreshed, ended) =
            tokio::join!(other.accounts.refresh(&session.refresh), rig.accounts.log_out(&session.refresh));
        ended.unwrap();
        let tokens = [Some(session.refresh), refreshed.ok().map(|session| session.refresh)];
        for token in tokens.into_iter().flatten() {
            assert_eq!(rig.accounts.refresh(&token).await, Err(RefreshError::Ended));
        }
    }
}

async fn log_ins_are_limited(rig: Rig) {
    rig.customer("anna@example.org", "pass word 1").await;
    let gateways = [rig.clone(), rig.another().await];
    // Those that succeed do not count.
    for _ in 0..=LOG_INS_PER_ADDRESS_MAX {
        rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    }
    for address in ["anna@example.org", "nobody@example.org"] {
        let tries: Vec<_> = (0..2 * LOG_INS_PER_ADDRESS_MAX)
            .map(|number| {
                let (rig, address) = (gateways[usize::from(number % 2 == 0)].clone(), address.to_owned());
                tokio::spawn(async move { rig.log_in(&address, "pass word 9").await.unwrap_err() })
            })
            .collect();
        let (mut wrong, mut many) = (0, 0);
        for tried in tries {
            match tried.await.unwrap() {
                LogInError::Wrong => wrong += 1,
                LogInError::Trouble(Trouble::TooMany { .. }) => many += 1,
                other => panic!("{other}"),
            }
        }
        assert_eq!((wrong, many), (LOG_INS_PER_ADDRESS_MAX, LOG_INS_PER_ADDRESS_MAX), "{address}");
    }
    // Not with the right password either; the window over, yes.
    let locked = rig.log_in("anna@example.org", "pass word 1").await.unwrap_err();
    assert_eq!(locked, LogInError::Trouble(Trouble::TooMany { retry_after_ms: ATTEMPTS_WINDOW_MS }));
    is_discreet(&locked);
    rig.pass(ATTEMPTS_WINDOW_MS);
    rig.log_in("anna@example.org", "pass word 1").await.unwrap();

    // One network that tries many addresses.
    for number in 0..LOG_INS_PER_NETWORK_MAX {
        let tried = rig.log_in(&format!("n{number}@example.org"), "pass word 9").await;
        assert_eq!(tried, Err(LogInError::Wrong));
    }
    let tried = rig.log_in("anna@example.org", "pass word 1").await;
    assert!(matches!(tried, Err(LogInError::Trouble(Trouble::TooMany { .. }))), "{tried:?}");
    let elsewhere = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1));
    rig.accounts.log_in(&mail("anna@example.org"), &secret("pass word 1"), elsewhere).await.unwrap();
    let stored = rig.items(Table::Sessions).await.concat();
    assert!(!stored.contains("nobody") && !stored.contains("192.0.2.1"), "{stored}");
}

async fn a_changed_password_ends_all_log_ins(rig: Rig) {
    let customer = rig.customer("anna@example.org", "pass word 1").await;
    let session = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    let (old, new) = (secret("pass word 1"), secret("pass word 2"));
    let change =
        async |old: &Password, new: &Password| rig.accounts.change_password(customer, old, new, HOME).await;
    assert_eq!(change(&new, &new).await, Err(ChangePasswordError::Wrong));
    let address = secret("anna@example.org");
    assert_eq!(change(&old, &address).await, Err(ChangePasswordError::PasswordIsAddress));
    rig.accounts.refresh(&session.refresh).await.unwrap();
    change(&old, &new).await.unwrap();
    assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
    assert_eq!(rig.log_in("anna@example.org", "pass word 1").await, Err(LogInError::Wrong));
    rig.log_in("anna@example.org", "pass word 2").await.unwrap();
    let nobody = rig.accounts.change_password(CustomerId::from(1), &old, &new, HOME).await;
    assert_eq!(nobody, Err(ChangePasswordError::Wrong));
}

async fn roles_count_from_the_next_refresh_on(rig: Rig) {
    let customer = rig.customer("anna@example.org", "pass word 1").await;
    let session = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    assert_eq!(session.identity.roles, Roles::SHOPPER);
    let roles = Roles::SHOPPER.with(Role::Admin);
    assert_eq!(rig.directory().await.customer_of(&mail("Anna@example.org")).await, Ok(Some(customer)));
    rig.directory().await.set_roles(customer, roles).await.unwrap();
    assert_eq!(rig.accounts.check_access(session.access.expose()).unwrap().roles, Roles::SHOPPER);
    let session = rig.accounts.refresh(&session.refresh).await.unwrap();
    assert_eq!(rig.accounts.check_access(session.access.expose()).unwrap().roles, roles);
    rig.directory().await.set_roles(customer, Roles::SHOPPER).await.unwrap();
    assert_eq!(rig.accounts.refresh(&session.refresh).await.unwrap().identity.roles, Roles::SHOPPER);
    let nobody = rig.directory().await.set_roles(CustomerId::from(1), roles).await;
    assert_eq!(nobody, Err(RolesError::NoAccount));
}

async fn the_oldest_of_too_many_log_ins_ends(rig: Rig) {
    rig.customer("anna@example.org", "pass word 1").await;
    let mut sessions = Vec::new();
    for _ in 0..FAMILIES_MAX + 2 {
        rig.pass(1);
        sessions.push(rig.log_in("anna@example.org", "pass word 1").await.unwrap());
    }
    for (number, session) in sessions.iter().enumerate() {
        let refreshed = rig.accounts.refresh(&session.refresh).await;
        assert_eq!(refreshed.is_ok(), number >= 2, "log-in {number}");
    }
}

//! Registering, verifying, and what is told to whom.

use accounts::limits::*;
use accounts::*;

use crate::over_both;
use crate::rig::*;

over_both!(
    an_address_is_verified_by_its_letter,
    two_at_once_make_one_account,
    the_newest_registration_counts,
    an_account_is_not_told_from_none,
    a_new_password_by_letter,
    letters_are_limited
);

async fn an_address_is_verified_by_its_letter(rig: Rig) {
    rig.register("Anna@Example.org", "pass word 1").await;
    let session = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    assert!(!session.identity.verified);
    assert_eq!(rig.accounts.check_access(session.access.expose()), Ok(session.identity));

    let letter = rig.letter("anna@example.org").await.unwrap();
    assert_eq!(letter.to.expose(), "Anna@example.org", "as it was written");
    let link = rig.link("anna@example.org").await;
    let customer = session.identity.customer;
    // By another gateway, and twice: mail programs open links too.
    let other = rig.another().await;
    assert_eq!(other.accounts.verify(&link).await, Ok(Verified::Now(customer)));
    assert_eq!(rig.accounts.verify(&link).await, Ok(Verified::Before(customer)));
    let refreshed = other.accounts.refresh(&session.refresh).await.unwrap();
    assert!(refreshed.identity.verified);
    let profile = rig.accounts.profile(customer).await.unwrap().unwrap();
    assert_eq!((profile.verified, profile.address.expose()), (true, "Anna@example.org"));
    assert!(!format!("{profile:?}").contains("nna@"));

    // Notices of orders reach them from then on, and the account stays.
    use sink_push::Contacts;
    let contact = sink_push::TableContacts::over(rig.tables.clone()).of(&[customer]).await.unwrap().remove(0);
    assert_eq!(contact.unwrap().addresses, [sink_push::Address::Email("Anna@example.org".to_owned())]);
    let kept = rig.items(tables::Table::Accounts).await;
    assert!(kept.len() == 2 && kept.iter().all(|item| !item.contains("expires_at")), "{kept:?}");

    let late = rig.another().await;
    late.register("b@example.org", "pass word 2").await;
    let link = late.link("b@example.org").await;
    late.pass(VERIFY_MS);
    let error = late.accounts.verify(&link).await.unwrap_err();
    assert_eq!(error, VerifyError::Link(LinkError::Expired));
    is_discreet(&error);
    late.accounts.resend(&mail("b@example.org"), HOME).await.unwrap();
    late.accounts.verify(&late.link("b@example.org").await).await.unwrap();
}

async fn two_at_once_make_one_account(rig: Rig) {
    let gateways = [rig.clone(), rig.another().await];
    for round in 0..5 {
        let address = format!("r{round}@example.org");
        let register = |gateway: usize| {
            let (rig, address) = (gateways[gateway].clone(), address.clone());
            tokio::spawn(async move { rig.register(&address, &format!("pass word {gateway}")).await })
        };
        let (first, second) = (register(0), register(1));
        first.await.unwrap();
        second.await.unwrap();
        let mut sessions = Vec::new();
        for gateway in 0..2 {
            sessions.extend(rig.log_in(&address, &format!("pass word {gateway}")).await.ok());
        }
        assert_eq!(sessions.len(), 1, "one password is the account's");
        rig.accounts.letters_sent().await;
        let mut verified = 0;
        for kept in rig.outbox.letters().into_iter().filter(|kept| kept.letter.to == mail(&address)) {
            if let LetterKind::Verify { token } = kept.letter.kind {
                verified += u32::from(rig.accounts.verify(&token).await.is_ok());
            }
        }
        assert_eq!(verified, 1, "and one letter");
    }
    let items = rig.items(tables::Table::Accounts).await;
    assert_eq!(items.len(), 10, "an account and an address each: {items:?}");
}

async fn the_newest_registration_counts(rig: Rig) {
    rig.register("anna@example.org", "pass word 1").await;
    let old = rig.link("anna@example.org").await;
    let session = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    rig.register("anna@example.org", "pass word 2").await;
    let new = rig.link("anna@example.org").await;
    assert_eq!(rig.accounts.verify(&old).await, Err(VerifyError::Link(LinkError::Spent)));
    assert_eq!(rig.log_in("anna@example.org", "pass word 1").await, Err(LogInError::Wrong));
    assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
    rig.accounts.verify(&new).await.unwrap();

    // What is verified cannot be registered away.
    rig.register("ANNA@example.org", "pass word 3").await;
    assert_eq!(rig.letter("anna@example.org").await.unwrap().kind, LetterKind::Taken);
    assert_eq!(rig.log_in("anna@example.org", "pass word 3").await, Err(LogInError::Wrong));
    rig.log_in("anna@example.org", "pass word 2").await.unwrap();
}

async fn an_account_is_not_told_from_none(rig: Rig) {
    rig.customer("anna@example.org", "pass word 1").await;
    let before = rig.letter_count().await;
    assert_eq!(rig.accounts.resend(&mail("nobody@example.org"), HOME).await, Ok(()));
    assert_eq!(rig.accounts.forgot_password(&mail("nobody@example.org"), HOME).await, Ok(()));
    assert_eq!(rig.accounts.resend(&mail("anna@example.org"), HOME).await, Ok(()));
    assert_eq!(rig.letter_count().await, before, "nobody is written to");
    let wrong = rig.log_in("anna@example.org", "pass word 9").await.unwrap_err();
    let nobody = rig.log_in("nobody@example.org", "pass word 9").await.unwrap_err();
    assert_eq!((&wrong, wrong.to_string()), (&nobody, nobody.to_string()));
    is_discreet(&wrong);

    let registration = Registration::new(mail("x.pass@example.org"), "X.Pass@example.org", "en").unwrap();
    assert!(!format!("{registration:?}").contains("example"));
    let refused = rig.accounts.register(registration, HOME).await;
    assert_eq!(refused, Err(RegisterError::PasswordIsAddress));
}

async fn a_new_password_by_letter(rig: Rig) {
    rig.register("anna@example.org", "pass word 1").await;
    let verify = rig.link("anna@example.org").await;
    let session = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    rig.accounts.forgot_password(&mail("anna@example.org"), HOME).await.unwrap();
    let reset = rig.link("anna@example.org").await;
    let password = secret("pass word 2");
    assert_eq!(rig.accounts.verify(&reset).await, Err(VerifyError::Link(LinkError::NoLink)));
    let swapped = rig.accounts.reset_password(&verify, &password).await;
    assert_eq!(swapped, Err(ResetError::Link(LinkError::NoLink)));

    rig.accounts.reset_password(&reset, &password).await.unwrap();
    let again = rig.accounts.reset_password(&reset, &secret("pass word 3")).await;
    assert_eq!(again, Err(ResetError::Link(LinkError::Spent)));
    assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
    assert_eq!(rig.log_in("anna@example.org", "pass word 1").await, Err(LogInError::Wrong));
    assert!(rig.log_in("anna@example.org", "pass word 2").await.unwrap().identity.verified);

    rig.accounts.forgot_password(&mail("anna@example.org"), HOME).await.unwrap();
    let reset = rig.link("anna@example.org").await;
    rig.pass(RESET_MS);
    let late = rig.accounts.reset_password(&reset, &password).await;
    assert_eq!(late, Err(ResetError::Link(LinkError::Expired)));
}

async fn letters_are_limited(rig: Rig) {
    rig.register("anna@example.org", "pass word 1").await;
    let other = rig.another().await;
    for _ in 1..LETTERS_PER_ADDRESS_MAX {
        other.accounts.resend(&mail("anna@example.org"), HOME).await.unwrap();
    }
    let full = rig.accounts.resend(&mail("Anna@example.org"), HOME).await.unwrap_err();
    assert_eq!(full, Trouble::TooMany { retry_after_ms: LETTERS_WINDOW_MS });
    // As for addresses that nobody has.
    for _ in 0..LETTERS_PER_ADDRESS_MAX {
        rig.accounts.forgot_password(&mail("nobody@example.org"), HOME).await.unwrap();
    }
    assert_eq!(rig.accounts.forgot_password(&mail("nobody@example.org"), HOME).await, Err(full));
    rig.pass(LETTERS_WINDOW_MS);
    rig.accounts.resend(&mail("anna@example.org"), HOME).await.unwrap();
}

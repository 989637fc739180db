//! Registering, verifying, and what is told to whom.

use accounts::limits::*;
use accounts::*;

use crate::over_both;
use crate::rig::*;

over_both!(
    an_address_is_verified_by_its_letter,
    two_at_once_make_one_account,
    the_newest_registration_counts,
    who_registers_the_address_of_another_gets_nothing,
    passwords_with_a_link_are_limited,
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
    let password = secret("pass word 1");
    assert_eq!(other.accounts.verify(&link, &password).await, Ok(Verified::Now(customer)));
    assert_eq!(rig.accounts.verify(&link, &password).await, Ok(Verified::Before(customer)));
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
    let password = secret("pass word 2");
    let error = late.accounts.verify(&link, &password).await.unwrap_err();
    assert_eq!(error, VerifyError::Link(LinkError::Expired));
    is_discreet(&error);
    late.accounts.resend(&mail("b@example.org"), HOME).await.unwrap();
    late.accounts.verify(&late.link("b@example.org").await, &password).await.unwrap();
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
                for gateway in 0..2 {
                    let done = rig.accounts.verify(&token, &secret(&format!("pass word {gateway}"))).await;
                    verified += u32::from(matches!(done, Ok(Verified::Now(_))));
                }
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
    let spent = Err(VerifyError::Link(LinkError::Spent));
    assert_eq!(rig.accounts.verify(&old, &secret("pass word 1")).await, spent);
    assert_eq!(rig.log_in("anna@example.org", "pass word 1").await, Err(LogInError::Wrong));
    assert_eq!(rig.accounts.refresh(&session.refresh).await, Err(RefreshError::Ended));
    rig.accounts.verify(&new, &secret("pass word 2")).await.unwrap();

    // What is verified cannot be registered away.
    rig.register("ANNA@example.org", "pass word 3").await;
    assert_eq!(rig.letter("anna@example.org").await.unwrap().kind, LetterKind::Taken);
    assert_eq!(rig.log_in("anna@example.org", "pass word 3").await, Err(LogInError::Wrong));
    rig.log_in("anna@example.org", "pass word 2").await.unwrap();
}

async fn who_registers_the_address_of_another_gets_nothing(rig: Rig) {
    let (own, foreign) = (secret("pass word 1"), secret("pass word 9"));
    rig.register("anna@example.org", "pass word 1").await;
    let before = rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    rig.register("anna@example.org", "pass word 9").await;
    let intruder = rig.log_in("anna@example.org", "pass word 9").await.unwrap();
    assert_ne!(intruder.identity.customer, before.identity.customer, "nor do they get what was hers");
    // She opens the newest letter, which is not about her registration.
    let link = rig.link("anna@example.org").await;
    let refused = rig.another().await.accounts.verify(&link, &own).await.unwrap_err();
    assert_eq!(refused, VerifyError::Wrong);
    is_discreet(&refused);
    assert!(!rig.log_in("anna@example.org", "pass word 9").await.unwrap().identity.verified);
    // Registered once more, it is hers, and what the intruder holds is of nobody.
    rig.register("anna@example.org", "pass word 1").await;
    let link = rig.link("anna@example.org").await;
    let Ok(Verified::Now(customer)) = rig.accounts.verify(&link, &own).await else { panic!("not verified") };
    assert_ne!(customer, intruder.identity.customer);
    assert_eq!(rig.accounts.refresh(&intruder.refresh).await, Err(RefreshError::Ended));
    assert_eq!(rig.accounts.profile(intruder.identity.customer).await, Ok(None));
    assert_eq!(rig.log_in("anna@example.org", "pass word 9").await, Err(LogInError::Wrong));

    // The same where she never registered and asks for a password.
    rig.register("berta@example.org", "pass word 9").await;
    let intruder = rig.log_in("berta@example.org", "pass word 9").await.unwrap();
    rig.accounts.forgot_password(&mail("berta@example.org"), HOME).await.unwrap();
    let link = rig.link("berta@example.org").await;
    rig.accounts.reset_password(&link, &own).await.unwrap();
    let again = rig.accounts.reset_password(&link, &foreign).await;
    assert_eq!(again, Err(ResetError::Link(LinkError::Spent)));
    let session = rig.log_in("berta@example.org", "pass word 1").await.unwrap();
    assert!(session.identity.verified && session.identity.customer != intruder.identity.customer);
    assert_eq!(rig.accounts.refresh(&intruder.refresh).await, Err(RefreshError::Ended));
    // Two customers, an account and an address each; and a contact for each of the two.
    assert_eq!(rig.items(tables::Table::Accounts).await.len(), 4);
    let contacts = rig.items(tables::Table::Contacts).await;
    let known = [customer, session.identity.customer].map(|customer| customer.to_string());
    assert_eq!(contacts.len(), 2);
    assert!(known.iter().all(|known| contacts.iter().any(|item| item.contains(known))), "{contacts:?}");
    let kept = rig.items(tables::Table::Accounts).await;
    assert!(kept.iter().all(|item| !item.contains("expires_at")), "{kept:?}");
}

async fn passwords_with_a_link_are_limited(rig: Rig) {
    rig.register("anna@example.org", "pass word 1").await;
    let (link, right) = (rig.link("anna@example.org").await, secret("pass word 1"));
    for _ in 0..LOG_INS_PER_ADDRESS_MAX {
        assert_eq!(rig.accounts.verify(&link, &secret("pass word 9")).await, Err(VerifyError::Wrong));
    }
    let full = rig.accounts.verify(&link, &right).await.unwrap_err();
    let too_many = Trouble::TooMany { retry_after_ms: ATTEMPTS_WINDOW_MS };
    assert_eq!(full, VerifyError::Trouble(too_many));
    // Who only knows the address cannot use these up, and these do not lock anybody out.
    rig.log_in("anna@example.org", "pass word 1").await.unwrap();
    rig.pass(ATTEMPTS_WINDOW_MS);
    rig.accounts.verify(&link, &right).await.unwrap();
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
    let no_link = Err(VerifyError::Link(LinkError::NoLink));
    assert_eq!(rig.accounts.verify(&reset, &password).await, no_link);
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
    let (anna, other) = (mail("anna@example.org"), rig.another().await);
    for _ in 0..LETTERS_PER_ADDRESS_MAX {
        rig.register("anna@example.org", "pass word 1").await;
    }
    let more = Registration::new(mail("Anna@example.org"), "pass word 1", "en").unwrap();
    let full = RegisterError::Trouble(Trouble::TooMany { retry_after_ms: LETTERS_WINDOW_MS });
    assert_eq!(other.accounts.register(more.clone(), HOME).await, Err(full));
    // That keeps nobody from the other letters; of those there are so many, and then none, and nobody is told.
    for address in [&anna, &mail("nobody@example.org")] {
        for _ in 0..LETTERS_PER_ADDRESS_MAX + 2 {
            assert_eq!(other.accounts.resend(address, HOME).await, Ok(()));
            assert_eq!(rig.accounts.forgot_password(address, HOME).await, Ok(()));
        }
    }
    let max = usize::try_from(LETTERS_PER_ADDRESS_MAX).unwrap();
    assert_eq!(rig.letter_count().await, 3 * max);
    // Whatever others have asked for in her name, the letters are there and good.
    let reset = rig.outbox.letters().into_iter().find_map(|kept| match kept.letter.kind {
        LetterKind::Reset { token } => Some(token),
        _ => None,
    });
    rig.accounts.reset_password(&reset.unwrap(), &secret("pass word 2")).await.unwrap();
    rig.log_in("anna@example.org", "pass word 2").await.unwrap();
    rig.pass(LETTERS_WINDOW_MS);
    rig.accounts.forgot_password(&anna, HOME).await.unwrap();
    assert_eq!(rig.letter_count().await, 3 * max + 1);
    other.accounts.register(more, HOME).await.unwrap();

    // One network that asks for many addresses is told.
    let mut tried = Ok(());
    for number in 0..LETTERS_PER_NETWORK_MAX {
        tried = rig.accounts.resend(&mail(&format!("n{number}@example.org")), HOME).await;
    }
    assert_eq!(tried, Err(Trouble::TooMany { retry_after_ms: LETTERS_WINDOW_MS }));
}

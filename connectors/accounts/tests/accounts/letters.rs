//! Letters by a real mail server on loopback, and into a folder; and what happens when the tables are away.

use std::sync::Arc;

use accounts::*;
use sink_push::channels::email::{EmailChannel, EmailOptions, Security};
use sink_push::stand_in::SmtpServer;
use tables::{TableOptions, Tables};

use crate::rig::*;

async fn tables() -> Tables {
    let options = TableOptions { prefix: "letters-".to_owned(), ..TableOptions::local(dynoxide()) };
    let tables = Tables::connect(&options).await.unwrap();
    tables.create(&Accounts::TABLES).await.unwrap();
    tables
}

fn cheap() -> AccountOptions {
    let cost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };
    AccountOptions { cost, ..AccountOptions::default() }
}

#[tokio::test]
async fn a_letter_leaves_by_the_mail_server() {
    let server = SmtpServer::start().unwrap();
    let options = EmailOptions::new("127.0.0.1", server.port(), Security::None, "Shop <shop@shop.example>");
    let postman = EmailPostman::new(EmailChannel::new(options).unwrap(), stationery());
    let keys = TokenKeys::in_memory([9; 32]);
    let accounts = Accounts::open(tables().await, keys, Arc::new(postman), cheap()).await.unwrap();
    let registration = Registration::new(mail("Anna@Bücher.example"), "pass word 1", "de-AT").unwrap();
    accounts.register(registration, HOME).await.unwrap();
    accounts.letters_sent().await;
    let [sent] = server.mails().try_into().unwrap();
    assert_eq!(sent.to, ["Anna@xn--bcher-kva.example"]);
    for part in
        ["Content-Language: de", "Auto-Submitted: auto-generated", "https://shop.example/verify?token"]
    {
        assert!(sent.data.contains(part), "{part}: {}", sent.data);
    }
}

#[tokio::test]
async fn a_letter_in_a_folder_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = LetterBox::in_folder(stationery(), &folder.path().join("deep")).unwrap();
    let to = mail("anna@example.org");
    let kind = LetterKind::Verify { token: LinkToken::new("TOKEN") };
    let letter = Letter { id: "7".repeat(32), to, locale: "en".to_owned(), kind };
    assert_eq!(outbox.send(&letter).await, Delivery::Sent);
    let file = folder.path().join(format!("deep/verify-{}.txt", "7".repeat(32)));
    let text = std::fs::read_to_string(file).unwrap();
    assert!(
        text.starts_with("to: anna@example.org\nsubject: Shop: ") && text.contains("token=TOKEN"),
        "{text}"
    );
    assert!(!format!("{:?}", outbox.letters()).contains("anna"));
}

#[tokio::test]
async fn without_the_tables_tokens_are_checked_and_the_rest_is_told_to_wait() {
    let away = {
        let local = tables::Local::start().unwrap();
        let tables = Tables::connect(&local.options()).await.unwrap();
        tables.create(&Accounts::TABLES).await.unwrap();
        let outbox = Arc::new(LetterBox::in_memory(stationery()));
        let accounts = Accounts::open(tables, TokenKeys::in_memory([9; 32]), outbox, cheap()).await.unwrap();
        let registration = Registration::new(mail("anna@example.org"), "pass word 1", "en").unwrap();
        accounts.register(registration, HOME).await.unwrap();
        let session = accounts.log_in(&mail("anna@example.org"), &secret("pass word 1"), HOME).await.unwrap();
        (accounts, session)
    };
    let (accounts, session) = away;
    assert_eq!(accounts.check_access(session.access.expose()), Ok(session.identity));
    let error = accounts.refresh(&session.refresh).await.unwrap_err();
    let RefreshError::Trouble(Trouble::Store(StoreError::Away { .. })) = &error else { panic!("{error}") };
    is_discreet(&error);
    let error = accounts.log_in(&mail("anna@example.org"), &secret("pass word 1"), HOME).await.unwrap_err();
    assert!(error.to_string().contains("try again"), "{error}");
}

#[tokio::test]
async fn tables_that_are_missing_are_named() {
    let options = TableOptions { prefix: "none-".to_owned(), ..TableOptions::local(dynoxide()) };
    let tables = Tables::connect(&options).await.unwrap();
    let outbox = Arc::new(LetterBox::in_memory(stationery()));
    let opened = Accounts::open(tables, TokenKeys::in_memory([9; 32]), outbox, cheap()).await;
    let text = opened.unwrap_err().to_string();
    assert!(text.contains("table none-accounts is missing; `pipeline table create` makes it"), "{text}");
}

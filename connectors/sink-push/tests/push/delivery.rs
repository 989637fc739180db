//! At most one of each notice, and each in the end, whatever the mail server does.

use std::sync::atomic::Ordering;
use std::time::Duration;

use order_model::*;
use sink::Target;
use sink_push::channels::email::{EmailChannel, EmailOptions, Security};
use sink_push::contacts::{Interest, Subscriber};
use sink_push::limits::QUEUED_NOTICES_MAX;
use sink_push::stand_in::{Behaviour, SmtpServer};
use sink_push::*;

use crate::rig::*;

/// Most connections of [`email`].
const CONNECTIONS: u8 = 4;

fn email(server: &SmtpServer) -> Box<dyn Channel> {
    let mut options =
        EmailOptions::new("127.0.0.1", server.port(), Security::None, "The Shop <orders@shop.example>");
    options.attempt_max = PATIENCE;
    options.connections = usize::from(CONNECTIONS);
    Box::new(EmailChannel::new(options).unwrap())
}

fn states(claims: &SharedClaims) -> Vec<(ClaimState, usize)> {
    let counts = ClaimState::ALL.map(|state| (state, claims.0.count(state)));
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[tokio::test]
async fn a_mail_has_both_parts_and_a_way_out() {
    let server = SmtpServer::start().unwrap();
    let claims = SharedClaims::default();
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], Hands::new().clock());
    let refused = write(&mut sink, vec![about(OrderEventKind::Held, 1, 1)]).await;
    assert_eq!(refused, []);
    assert!(sink.courier().delivered(PATIENCE).await);
    let [mail] = server.mails().try_into().unwrap();
    assert_eq!(mail.to, ["00000000-0000-0000-0000-000000000001@example.org"]);
    for part in [
        "From: \"The Shop\" <orders@shop.example>",
        "Subject: Your order is set aside: pay by 2026-11-27 17:30 UTC",
        "Message-ID: <",
        "@shop.example>",
        "Auto-Submitted: auto-generated",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
        "LAMP-1",
    ] {
        assert!(mail.data.contains(part), "{part} is missing in:\n{}", mail.data);
    }
    // The link in the header ends such notices.
    let unfolded = mail.data.replace("\r\n ", "");
    let token = unfolded.split("List-Unsubscribe: <https://shop.example/unsubscribe?token=").nth(1).unwrap();
    let token = token.split('>').next().unwrap();
    let (who, mute) = read_unsubscribe_token(&keys(), token).unwrap();
    assert_eq!((who, mute), (customer(1), Mute { channel: ChannelKind::Email, class: Class::Orders }));
    sink.courier().contacts().mute(who, mute).await.unwrap();
    write(&mut sink, vec![about(OrderEventKind::Paid, 1, 2)]).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(server.mails().len(), 1);
}

#[tokio::test]
async fn what_is_read_again_or_written_by_a_zombie_is_not_sent_again() {
    let server = SmtpServer::start().unwrap();
    let claims = SharedClaims::default();
    let hands = Hands::new();
    let decisions: Vec<_> =
        (1..=200).map(|number| about(OrderEventKind::Paid, number.into(), number)).collect();
    let mut first = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    let mut second = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    for round in 0..3 {
        for some in decisions.chunks(37 + round) {
            write(&mut first, some.to_vec()).await;
            write(&mut second, some.to_vec()).await;
        }
    }
    assert!(first.courier().delivered(PATIENCE).await && second.courier().delivered(PATIENCE).await);
    until("all are sent", || claims.0.count(ClaimState::Sent) == 200).await;
    assert_eq!(server.counted(), (200, 0));
    assert!(server.connections() <= 8, "{} connections", server.connections());
}

#[tokio::test]
async fn a_server_that_is_away_costs_time_and_nothing_else() {
    for behaviour in [Behaviour::Away, Behaviour::Silent, Behaviour::HangsUp, Behaviour::Greylists] {
        let server = SmtpServer::start().unwrap();
        server.behave(behaviour);
        let claims = SharedClaims::default();
        let hands = Hands::still();
        let outbox = Outbox::in_memory();
        let contacts = everybody(|customer| {
            let mut addresses = mailbox(customer);
            addresses.push(Address::Sms("+4930123456".to_owned()));
            addresses
        });
        let channels = vec![email(&server), Box::new(outbox.channel(ChannelKind::Sms))];
        let mut sink = start(&claims, contacts, channels, hands.clock());
        let decisions = (1..=20).map(|number| about(OrderEventKind::Paid, number.into(), number));
        write(&mut sink, decisions.collect()).await;
        until("the other channel goes on", || outbox.distinct() == 20).await;
        if behaviour == Behaviour::Silent {
            until("every lane has called", || server.connections() == u64::from(CONNECTIONS)).await;
            time_runs_out().await;
        }
        let courier = sink.courier();
        until("the failure is seen", || courier.status()[0].retried > 0).await;
        let status = courier.status().remove(0);
        assert_eq!(status.trouble.is_some(), behaviour != Behaviour::Greylists, "{behaviour:?} {status:?}");
        server.behave(Behaviour::Takes);
        until("all have arrived", || {
            hands.advance(1_000);
            server.counted() == (20, 0)
        })
        .await;
        until("all are settled", || claims.0.count(ClaimState::Sent) == 40).await;
        until("the trouble is over", || courier.status()[0].trouble.is_none()).await;
    }
}

#[tokio::test]
async fn a_mail_whose_answer_is_lost_is_not_sent_again() {
    for behaviour in [Behaviour::ForgetsToAnswer, Behaviour::FallsSilent] {
        let server = SmtpServer::start().unwrap();
        server.behave(behaviour);
        let claims = SharedClaims::default();
        let hands = Hands::new();
        let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
        write(&mut sink, vec![about(OrderEventKind::Paid, 1, 1)]).await;
        until("it is taken", || server.counted() == (1, 0)).await;
        if behaviour == Behaviour::FallsSilent {
            time_runs_out().await;
        }
        until("it is settled", || claims.0.count(ClaimState::Unknown) == 1).await;
        server.behave(Behaviour::Takes);
        write(&mut sink, vec![about(OrderEventKind::Paid, 1, 1), about(OrderEventKind::Paid, 2, 2)]).await;
        hands.advance(60_000);
        assert!(sink.courier().delivered(PATIENCE).await);
        assert_eq!(server.counted(), (2, 0), "{behaviour:?}");
        let claim = &claims.of("00000000-0000-0000-0000-000000000001").await.unwrap()[0];
        assert!(claim.detail.starts_with("sending the message: "), "{}", claim.detail);
    }
}

/// The step was taken, and who took it was not told: asked for again, it is found to be theirs, and the mail goes out.
#[tokio::test]
async fn an_attempt_whose_begin_is_not_answered_is_begun_once_and_made() {
    let server = SmtpServer::start().unwrap();
    let claims = SharedClaims::default();
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], Hands::new().clock());
    claims.1.store(1, Ordering::Relaxed);
    write(&mut sink, vec![about(OrderEventKind::Paid, 1, 1)]).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(states(&claims), [(ClaimState::Sent, 1)]);
    assert_eq!((server.counted(), claims.1.load(Ordering::Relaxed)), ((1, 0), 0));
}

#[tokio::test]
async fn somebody_unknown_is_not_tried_again_and_does_not_cost_the_connection() {
    let server = SmtpServer::start().unwrap();
    server.behave(Behaviour::KnowsNobody);
    let claims = SharedClaims::default();
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], Hands::new().clock());
    let decisions = (1..=50).map(|number| about(OrderEventKind::Paid, number.into(), number));
    write(&mut sink, decisions.collect()).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(states(&claims), [(ClaimState::Failed, 50)]);
    assert!(server.connections() <= 4, "{} connections", server.connections());
}

#[tokio::test]
async fn an_address_that_is_none_goes_to_the_dead_letters_and_the_rest_goes_on() {
    let server = SmtpServer::start().unwrap();
    let claims = SharedClaims::default();
    let contacts = everybody(|who| match who == customer(2) {
        true => vec![Address::Email("nobody at all".to_owned()), Address::Sms("12".to_owned())],
        false => mailbox(who),
    });
    let outbox = Outbox::in_memory();
    let channels = vec![email(&server), Box::new(outbox.channel(ChannelKind::Sms))];
    let mut sink = start(&claims, contacts, channels, Hands::new().clock());
    let decisions: Vec<_> =
        (1..=3).map(|number| about(OrderEventKind::Paid, number.into(), number)).collect();
    for _ in 0..2 {
        let [refused] = write(&mut sink, decisions.clone()).await.try_into().unwrap();
        assert_eq!(refused.sequence, Sequence(2));
        let (mail, sms) = refused.reason.split_once("; ").unwrap();
        assert!(mail.starts_with("`nobody at all` is no address for email: "), "{mail}");
        assert!(sms.starts_with("`12` is no address for sms: "), "{sms}");
    }
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(server.counted(), (2, 0));
    assert_eq!(states(&claims), [(ClaimState::Sent, 2), (ClaimState::Failed, 2)]);
}

#[tokio::test]
async fn what_a_killed_process_left_is_sent_by_the_next() {
    let server = SmtpServer::start().unwrap();
    server.behave(Behaviour::Silent);
    let claims = SharedClaims::default();
    let hands = Hands::new();
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    let decisions = (1..=30).map(|number| about(OrderEventKind::Paid, number.into(), number));
    write(&mut sink, decisions.collect()).await;
    until("somebody is at it", || claims.0.count(ClaimState::Attempting) == 4).await;
    drop(sink);
    server.behave(Behaviour::Takes);
    let sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    until("what nobody was at is sent", || claims.0.count(ClaimState::Sent) == 26).await;
    assert_eq!(claims.0.count(ClaimState::Attempting), 4);
    // What somebody was at when they died may have arrived: a mail is not sent again.
    hands.advance(60_000);
    until("the rest is settled", || claims.0.count(ClaimState::Unknown) == 4).await;
    assert_eq!(server.counted(), (26, 0));
    drop(sink);
}

#[tokio::test]
async fn killed_again_and_again_nothing_is_sent_twice_or_forgotten() {
    let claims = SharedClaims::default();
    let outbox = Outbox::in_memory();
    let hands = Hands::new();
    let decisions: Vec<_> =
        (1..=400).map(|number| about(OrderEventKind::Paid, number.into(), number)).collect();
    for round in 0..40_u64 {
        let channel = Box::new(outbox.channel(ChannelKind::Email));
        let mut sink = start(&claims, everybody(mailbox), vec![channel], hands.clock());
        let reached = sink.reached(Partition(0)).await.unwrap().sequence.0;
        let from = usize::try_from(reached).unwrap();
        let some = decisions[from..].chunks(16).next().unwrap_or_default();
        if !some.is_empty() {
            // The future is dropped at a place that differs from round to round.
            let writing = async {
                write(&mut sink, some.to_vec()).await;
                tokio::task::yield_now().await;
            };
            let _cut = tokio::time::timeout(Duration::from_micros(round * 40), writing).await.is_ok();
        }
        if round % 3 == 0 {
            write(&mut sink, decisions[..from + some.len()].to_vec()).await;
            let end = batch(decisions[..from + some.len()].to_vec()).reached();
            sink.advance(&[(Partition(0), end)]).await.unwrap();
        }
    }
    let channel = Box::new(outbox.channel(ChannelKind::Email));
    let mut sink = start(&claims, everybody(mailbox), vec![channel], hands.clock());
    write(&mut sink, decisions).await;
    hands.advance(60_000);
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(outbox.distinct(), 400);
    assert_eq!(states(&claims), [(ClaimState::Sent, 400)]);
}

#[tokio::test]
async fn a_backlog_beyond_memory_is_worked_off_from_the_claims() {
    let server = SmtpServer::start().unwrap();
    server.behave(Behaviour::Away);
    let claims = SharedClaims::default();
    let hands = Hands::new();
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    let count = u64::try_from(QUEUED_NOTICES_MAX).unwrap() + 3_000;
    let decisions: Vec<_> =
        (1..=count).map(|number| about(OrderEventKind::Paid, number.into(), number)).collect();
    for some in decisions.chunks(1_000) {
        write(&mut sink, some.to_vec()).await;
    }
    let queued = sink.courier().status()[0].queued;
    assert!(queued <= QUEUED_NOTICES_MAX, "{queued} in memory");
    server.behave(Behaviour::Takes);
    until_counted("all have arrived", count, || {
        hands.advance(100);
        server.counted().0
    })
    .await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!((server.counted(), states(&claims)), ((count, 0), vec![(ClaimState::Sent, 7_096)]));
}

#[tokio::test]
async fn a_hold_is_not_announced_after_its_deadline() {
    let server = SmtpServer::start().unwrap();
    server.behave(Behaviour::Away);
    let claims = SharedClaims::default();
    let hands = Hands::new();
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    write(&mut sink, vec![about(OrderEventKind::Held, 1, 1)]).await;
    let courier = sink.courier();
    until("it was tried", || courier.status()[0].retried > 0).await;
    hands.advance(600_000);
    until("it is given up", || claims.0.count(ClaimState::Expired) == 1).await;
    server.behave(Behaviour::Takes);
    // Read for the first time too late: not even claimed.
    write(&mut sink, vec![about(OrderEventKind::Held, 2, 2)]).await;
    assert!(courier.delivered(PATIENCE).await);
    assert_eq!((server.counted(), states(&claims)), ((0, 0), vec![(ClaimState::Expired, 1)]));
}

#[tokio::test]
async fn waiting_is_told_once_moves_once_an_interval_and_then_it_is_ones_turn() {
    let server = SmtpServer::start().unwrap();
    let claims = SharedClaims::default();
    let hands = Hands::new();
    let waiting = |sequence, sku: &str| {
        let mut decision = about(OrderEventKind::Waiting, 1, sequence);
        let Event::Order(event) = &mut decision.event else { unreachable!() };
        event.lines = DecidedLines::from_elem(line(sku, 1, LineState::Awaited, None), 1);
        decision
    };
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    write(&mut sink, vec![waiting(1, "AAA"), waiting(2, "BBB")]).await;
    write(&mut sink, vec![waiting(3, "CCC")]).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(server.mails().len(), 1, "the moves wait for the end of their interval");
    drop(sink);
    hands.advance(300_000);
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    until("one notice of all moves", || server.mails().len() == 2).await;
    assert!(server.mails()[1].data.contains("CCC"), "the newest move is told");
    let mut held = about(OrderEventKind::Held, 1, 4);
    let Event::Order(event) = &mut held.event else { unreachable!() };
    event.deadline = TimeMs(NOW + 900_000);
    write(&mut sink, vec![held]).await;
    until("the turn is told", || server.mails().len() == 3).await;
    assert!(server.mails()[2].data.contains("Subject: It is your turn"));
}

#[tokio::test]
async fn those_who_asked_are_told_once_when_a_sale_opens() {
    let server = SmtpServer::start().unwrap();
    let claims = SharedClaims::default();
    let hands = Hands::new();
    let contacts = everybody(mailbox);
    let sku: Sku = "LAMP-1".parse().unwrap();
    for number in 1..=700 {
        let subscriber = Subscriber { customer: customer(number), since: TimeMs(1) };
        contacts.subscribe(Interest::Stock(sku), subscriber);
    }
    let mut sink = start(&claims, contacts, vec![email(&server)], hands.clock());
    let stock = |free| Stock { free, ..Stock::default() };
    let back = |sequence| of_listing(ListingEventKind::Restocked, sequence, 5, stock(5));
    write(&mut sink, vec![back(1), back(2)]).await;
    until("all are told", || server.counted().0 == 700).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    let again = Subscriber { customer: customer(5), since: TimeMs(2) };
    sink.courier().contacts().subscribe(Interest::Stock(sku), again);
    let mut later = back(3);
    later.time = TimeMs(NOW + 300_000);
    hands.advance(300_000);
    write(&mut sink, vec![later]).await;
    until("who asked again is told again", || server.counted().0 == 701).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(server.counted(), (701, 0));
}

#[tokio::test]
async fn a_drain_ends_attempts_and_leaves_the_rest_to_the_next() {
    let server = SmtpServer::start().unwrap();
    let claims = SharedClaims::default();
    let hands = Hands::new();
    let mut sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    let decisions = (1..=500).map(|number| about(OrderEventKind::Paid, number.into(), number));
    write(&mut sink, decisions.collect()).await;
    sink.courier().drain(PATIENCE).await;
    assert_eq!(claims.0.count(ClaimState::Attempting), 0);
    let sink = start(&claims, everybody(mailbox), vec![email(&server)], hands.clock());
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(server.counted(), (500, 0));
}

#[tokio::test]
async fn the_outbox_writes_whole_files() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::in_folder(folder.path()).unwrap();
    let claims = SharedClaims::default();
    let channel = Box::new(outbox.channel(ChannelKind::Email));
    let mut sink = start(&claims, everybody(mailbox), vec![channel], Hands::new().clock());
    write(&mut sink, vec![about(OrderEventKind::Paid, 1, 1)]).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    let [file] = std::fs::read_dir(folder.path()).unwrap().collect::<Vec<_>>().try_into().unwrap();
    let file = file.unwrap().path();
    assert!(file.file_name().unwrap().to_str().unwrap().starts_with("paid-email-"), "{file:?}");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("to: 00000000-0000-0000-0000-000000000001@example.org\n"), "{text}");
    assert!(text.contains("subject: Your order is paid\n"), "{text}");
    assert_eq!((outbox.distinct(), outbox.put_count(), outbox.entries().len()), (1, 1, 1));
}

#[tokio::test]
async fn the_benchmark_checks_what_it_measures() {
    let measured = bench::measure(300, 4).await.unwrap();
    assert_eq!(measured.notices, 300);
    assert!(measured.connections <= 4 && measured.per_second() > 0.0);
}

/// A disk that does not answer keeps nobody else waiting: the outbox's file is a pipe that nobody reads yet, and the only
/// thread there is has to go on, to read it.
#[test]
fn an_outbox_on_a_slow_disk_holds_up_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let key = ClaimKey {
        subject: order(1).to_string(),
        event: "paid".to_owned(),
        slot: Slot::Channel(ChannelKind::Email),
    };
    let pipe = folder.path().join(format!("paid-email-{}.part", key.message_id()));
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let (done, ended) = std::sync::mpsc::channel();
    let outbox = Outbox::in_folder(folder.path()).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let channels: Vec<Box<dyn Channel>> = vec![Box::new(outbox.channel(ChannelKind::Email))];
            let claims = SharedClaims::default();
            let mut sink = start(&claims, everybody(mailbox), channels, Hands::new().clock());
            write(&mut sink, vec![about(OrderEventKind::Paid, 1, 1)]).await;
            let attempting = || claims.0.count(ClaimState::Attempting) == 1;
            until("the attempt is under way", attempting).await;
            let text = tokio::task::spawn_blocking(move || std::fs::read_to_string(pipe)).await.unwrap();
            assert!(sink.courier().delivered(PATIENCE).await);
            done.send(text.unwrap()).unwrap();
        });
    });
    let text = ended.recv_timeout(PATIENCE).expect("the outbox held up the thread");
    assert!(text.contains("channel: email"), "{text}");
}

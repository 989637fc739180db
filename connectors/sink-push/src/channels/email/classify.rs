//! What a mail server's answer means, by the step it was given at.

use lettre::transport::smtp::Error;

use crate::channels::{Outcome, causes, shown};

/// The steps of sending one message. Before the last byte of `Content` the server has taken nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Connecting, greeting, TLS.
    Connect,
    /// User and password.
    Login,
    /// Naming the sender.
    Envelope,
    /// Naming the recipient.
    Recipient,
    /// Asking to send.
    Data,
    /// The message, and the answer to its end.
    Content,
}

/// What was heard of a step that did not go on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The server said no, by this code.
    Code(u16, String),
    /// The connection broke, or what came was no answer.
    Broken(String),
    /// Nothing came in time.
    TimedOut,
}

impl Answer {
    pub(super) fn of(error: &Error) -> Self {
        match error.status() {
            Some(code) => Self::Code(u16::from(code), causes(error)),
            None if error.is_timeout() => Self::TimedOut,
            None => Self::Broken(causes(error)),
        }
    }
}

/// What an answer means for the message.
///
/// | step | 4xx | 5xx | broken, nothing in time |
/// |---|---|---|---|
/// | connect, login, envelope | rest | rest | rest |
/// | recipient | again (421: rest) | refused | rest |
/// | data | rest | refused | rest |
/// | content | again (421: rest) | refused | unknown |
///
/// A no before the recipient is about us and not about the recipient: a person has to mend login or sender, meanwhile the
/// destination rests and the notices wait.
pub fn classify(step: Step, answer: &Answer) -> Outcome {
    let heard = match answer {
        Answer::Code(code, text) if text.contains(&code.to_string()) => shown(text),
        Answer::Code(code, text) => shown(format!("{code} {text}")),
        Answer::Broken(text) => shown(text),
        Answer::TimedOut => "no answer in time".to_owned(),
    };
    let detail = format!("{}: {heard}", name(step));
    match (step, answer) {
        (Step::Connect | Step::Login | Step::Envelope, _) => Outcome::rest(detail),
        (Step::Recipient | Step::Content, Answer::Code(421, _)) => Outcome::rest(detail),
        (Step::Recipient | Step::Data | Step::Content, Answer::Code(500.., _)) => Outcome::Refused(detail),
        (Step::Recipient | Step::Content, Answer::Code(..)) => Outcome::again(detail),
        (Step::Data, Answer::Code(..)) => Outcome::rest(detail),
        (Step::Recipient | Step::Data, Answer::Broken(_) | Answer::TimedOut) => Outcome::rest(detail),
        (Step::Content, Answer::Broken(_) | Answer::TimedOut) => Outcome::Unknown(detail),
    }
}

const fn name(step: Step) -> &'static str {
    match step {
        Step::Connect => "connecting to the mail server",
        Step::Login => "logging in to the mail server",
        Step::Envelope => "naming the sender",
        Step::Recipient => "naming the recipient",
        Step::Data => "asking to send",
        Step::Content => "sending the message",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_answer_means_at_each_step() {
        let steps = [Step::Connect, Step::Login, Step::Envelope, Step::Recipient, Step::Data, Step::Content];
        for (answer, expected) in [
            (Answer::Code(421, "bye".to_owned()), "rest rest rest rest rest rest"),
            (Answer::Code(450, "busy".to_owned()), "rest rest rest again rest again"),
            (Answer::Code(535, "who?".to_owned()), "rest rest rest refused refused refused"),
            (Answer::Code(550, "no such user".to_owned()), "rest rest rest refused refused refused"),
            (Answer::Code(299, "odd".to_owned()), "rest rest rest again rest again"),
            (Answer::Broken("reset".to_owned()), "rest rest rest rest rest unknown"),
            (Answer::TimedOut, "rest rest rest rest rest unknown"),
        ] {
            let found = steps.map(|step| match classify(step, &answer) {
                Outcome::Sent => "sent",
                Outcome::Retry(setback) if setback.rest => "rest",
                Outcome::Retry(_) => "again",
                Outcome::Refused(_) => "refused",
                Outcome::Unknown(_) => "unknown",
            });
            assert_eq!(found.join(" "), expected, "{answer:?}");
        }
    }
}

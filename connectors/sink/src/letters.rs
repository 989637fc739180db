//! Appends dead letters, and says so only when the log has acknowledged them.

use std::sync::Arc;
use std::time::Instant;

use order_codec::{Codec, DeadLetter};
use order_log::{AppendBatch, AppendError, Log, LogAppender, LogError, TopicName};

use crate::limits::{INTAKE_WAIT, LETTERS_TIMEOUT};

/// Where dead letters go. Blocks: not for an async thread.
pub(crate) struct Letters {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) codec: Codec,
    pub(crate) topic: TopicName,
    /// Made when first needed, and anew after an error.
    pub(crate) appender: Option<Box<dyn LogAppender>>,
}

impl Letters {
    /// Stores all of them. After an error some may be stored; storing them again is harmless, since a letter is known by
    /// its stage, topic, partition and offset.
    pub(crate) fn store(&mut self, letters: &[DeadLetter]) -> Result<(), LogError> {
        let mut appender = match self.appender.take() {
            Some(appender) => appender,
            None => self.log.appender()?,
        };
        // A letter may be nearly as large as the log takes, so each goes alone.
        for letter in letters {
            let mut batch = AppendBatch::new(Arc::clone(&self.topic));
            batch.push_with(letter.partition, None, |bytes| self.codec.dead_letter_to(letter, bytes));
            append(appender.as_mut(), batch)?;
        }
        self.appender = Some(appender);
        Ok(())
    }
}

/// Appends one batch and waits until it is stored.
pub(crate) fn append(appender: &mut dyn LogAppender, mut batch: AppendBatch) -> Result<(), LogError> {
    let deadline = Instant::now() + LETTERS_TIMEOUT;
    let topic = Arc::clone(batch.topic());
    let late = || LogError::Unreachable {
        log: format!("the log, asked to store a record on {topic},"),
        detail: format!("no acknowledgement within {} s", LETTERS_TIMEOUT.as_secs()),
    };
    let mut acknowledged = Vec::new();
    let ticket = loop {
        match appender.append(batch) {
            Ok(ticket) => break ticket,
            Err(AppendError::Full(back)) if Instant::now() < deadline => batch = back,
            Err(AppendError::Full(_)) => return Err(late()),
            Err(AppendError::Log(error)) => return Err(error),
            Err(error @ AppendError::TooLarge { .. }) => {
                let context = format!("appending to {topic}");
                return Err(LogError::Failed { context, detail: error.to_string() });
            }
        }
        appender.poll(INTAKE_WAIT, &mut acknowledged)?;
    };
    while !acknowledged.iter().any(|done| done.ticket == ticket) {
        if Instant::now() >= deadline {
            return Err(late());
        }
        acknowledged.clear();
        appender.poll(INTAKE_WAIT, &mut acknowledged)?;
    }
    Ok(())
}

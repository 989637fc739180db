//! The data of an INSERT until they are complete: in memory, and in a file once they are many.
//!
//! The engine gets data only when the client has sent all of them: a client that dies on the way inserts nothing, and a slow
//! one holds up no thread of the engine.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;

use axum::body::Bytes;

use crate::exception::Exception;
use crate::limits::{INSERT_BYTES_MAX, INSERT_MEMORY_BYTES_MAX, INSERT_PIECE_BYTES};

pub(crate) struct Spool {
    folder: PathBuf,
    /// What came first, without a name, so that it goes with the process.
    file: Option<File>,
    /// What came last.
    pieces: Vec<Bytes>,
    in_memory: usize,
    bytes: u64,
}

impl Spool {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, file: None, pieces: Vec::new(), in_memory: 0, bytes: 0 }
    }

    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), Exception> {
        self.in_memory += piece.len();
        self.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if self.bytes > INSERT_BYTES_MAX {
            let what = format!("An INSERT has more than {INSERT_BYTES_MAX} bytes; send it in parts");
            return Err(Exception::new(307, "TOO_MANY_BYTES", &what));
        }
        self.pieces.push(piece);
        if self.in_memory > INSERT_MEMORY_BYTES_MAX {
            self.write_down().await.map_err(|error| {
                let what = format!(
                    "Cannot keep the data of an INSERT in {}: {error}; nothing was inserted",
                    self.folder.display()
                );
                Exception::new(243, "NOT_ENOUGH_SPACE", &what)
            })?;
        }
        Ok(())
    }

    async fn write_down(&mut self) -> io::Result<()> {
        let (file, folder) = (self.file.take(), self.folder.clone());
        let pieces = std::mem::take(&mut self.pieces);
        self.in_memory = 0;
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.map_or_else(|| tempfile::tempfile_in(folder), Ok)?;
            pieces.iter().try_for_each(|piece| file.write_all(piece))?;
            io::Result::Ok(file)
        });
        self.file = Some(written.await.map_err(io::Error::other)??);
        Ok(())
    }

    /// Hands out all data, in order.
    pub(crate) fn read(self, mut take: impl FnMut(&[u8]) -> Result<(), Exception>) -> Result<(), Exception> {
        if let Some(mut file) = self.file {
            let lost = |error: io::Error| {
                Exception::new(
                    74,
                    "CANNOT_READ_FROM_FILE_DESCRIPTOR",
                    &format!("Cannot read the data of an INSERT: {error}"),
                )
            };
            let mut buffer = vec![0; INSERT_PIECE_BYTES];
            file.rewind().map_err(lost)?;
            loop {
                let length = file.read(&mut buffer).map_err(lost)?;
                match buffer.get(..length) {
                    Some([]) | None => break,
                    Some(piece) => take(piece)?,
                }
            }
        }
        self.pieces.iter().try_for_each(|piece| take(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_bytes_come_out_in_order_from_memory_and_file() {
        for pieces in [3_usize, 40] {
            let folder = tempfile::tempdir().unwrap();
            let mut spool = Spool::new(folder.path().to_owned());
            for number in 0..pieces {
                spool.push(Bytes::from(vec![u8::try_from(number).unwrap(); 777_777])).await.unwrap();
            }
            assert_eq!(spool.file.is_some(), pieces == 40);
            let mut read = Vec::new();
            spool
                .read(|piece| {
                    read.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
            assert_eq!(read.len(), pieces * 777_777);
            assert!(read.is_sorted());
        }
    }

    #[tokio::test]
    async fn no_space_is_an_error_that_says_so() {
        let mut spool = Spool::new(PathBuf::from("/nowhere/at/all"));
        let error = spool.push(Bytes::from(vec![0; INSERT_MEMORY_BYTES_MAX + 1])).await.unwrap_err();
        assert_eq!(error.code, 243);
        assert!(error.text.contains("nothing was inserted"), "{}", error.text);
    }
}

//! The data of an INSERT until they are complete: in memory as long as there is room, else in a file.
//!
//! The engine gets data only when the client has sent all of them: a client that dies on the way inserts nothing, and a slow
//! one holds up no thread of the engine.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Bytes;

use crate::exception::Exception;
use crate::limits::{INSERT_BYTES_MAX, INSERT_PIECE_BYTES, INSERTS_MEMORY_BYTES_MAX};

/// The memory that all INSERTs have together.
#[derive(Clone, Default)]
pub(crate) struct Room {
    taken: Arc<AtomicUsize>,
}

impl Room {
    /// Takes some, if there is as much.
    fn take(&self, bytes: usize) -> bool {
        let taken =
            |taken: usize| taken.checked_add(bytes).filter(|taken| *taken <= INSERTS_MEMORY_BYTES_MAX);
        self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

pub(crate) struct Spool {
    folder: PathBuf,
    room: Room,
    /// What came first, without a name, so that it goes with the process.
    file: Option<File>,
    /// What came last.
    pieces: Vec<Bytes>,
    /// Bytes of `pieces` that it has room for.
    in_room: usize,
    /// Bytes of `pieces` that have to go to the file: at most a piece of the engine's, so that it is not written in crumbs.
    over: usize,
    bytes: u64,
}

impl Drop for Spool {
    fn drop(&mut self) {
        self.room.give_back(self.in_room);
    }
}

impl Spool {
    pub(crate) fn new(folder: PathBuf, room: Room) -> Self {
        Self { folder, room, file: None, pieces: Vec::new(), in_room: 0, over: 0, bytes: 0 }
    }

    pub(crate) async fn push(&mut self, piece: Bytes) -> Result<(), Exception> {
        let length = piece.len();
        self.bytes += u64::try_from(length).unwrap_or(u64::MAX);
        if self.bytes > INSERT_BYTES_MAX {
            let what = format!("An INSERT has more than {INSERT_BYTES_MAX} bytes; send it in parts");
            return Err(Exception::new(307, "TOO_MANY_BYTES", &what));
        }
        let bytes = if self.room.take(length) { &mut self.in_room } else { &mut self.over };
        *bytes += length;
        self.pieces.push(piece);
        if self.over > INSERT_PIECE_BYTES {
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

    /// Puts all that is in memory behind what is in the file.
    async fn write_down(&mut self) -> io::Result<()> {
        let (file, folder) = (self.file.take(), self.folder.clone());
        let pieces = std::mem::take(&mut self.pieces);
        let written = tokio::task::spawn_blocking(move || {
            let mut file = file.map_or_else(|| tempfile::tempfile_in(folder), Ok)?;
            pieces.iter().try_for_each(|piece| file.write_all(piece))?;
            io::Result::Ok(file)
        });
        self.file = Some(written.await.map_err(io::Error::other)??);
        self.over = 0;
        self.room.give_back(std::mem::take(&mut self.in_room));
        Ok(())
    }

    /// Hands out all data, in order.
    pub(crate) fn read(
        mut self,
        mut take: impl FnMut(&[u8]) -> Result<(), Exception>,
    ) -> Result<(), Exception> {
        if let Some(mut file) = self.file.take() {
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
        // What the engine has, it need not have twice.
        std::mem::take(&mut self.pieces).into_iter().try_for_each(|piece| {
            let done = take(&piece);
            let length = piece.len().min(self.in_room);
            self.in_room -= length;
            self.room.give_back(length);
            done
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIECE_BYTES: usize = 777_777;

    async fn filled(spool: &mut Spool, pieces: usize) {
        for number in 0..pieces {
            spool.push(Bytes::from(vec![u8::try_from(number).unwrap(); PIECE_BYTES])).await.unwrap();
        }
    }

    fn read(spool: Spool) -> Vec<u8> {
        let mut read = Vec::new();
        let done = spool.read(|piece| {
            read.extend_from_slice(piece);
            Ok(())
        });
        done.unwrap();
        read
    }

    fn taken(room: &Room) -> usize {
        room.taken.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn all_bytes_come_out_in_order_from_memory_and_file() {
        for (pieces, is_large) in [(3, false), (INSERTS_MEMORY_BYTES_MAX / PIECE_BYTES + 9, true)] {
            let (folder, room) = (tempfile::tempdir().unwrap(), Room::default());
            let mut spool = Spool::new(folder.path().to_owned(), room.clone());
            filled(&mut spool, pieces).await;
            assert_eq!(spool.file.is_some(), is_large);
            assert!(!spool.pieces.is_empty(), "some came after the file was written");
            let read = read(spool);
            assert_eq!(read.len(), pieces * PIECE_BYTES);
            assert!(read.is_sorted());
            assert_eq!(taken(&room), 0);
        }
    }

    #[tokio::test]
    async fn all_inserts_share_the_room_and_give_it_back() {
        let (folder, room) = (tempfile::tempdir().unwrap(), Room::default());
        let mut spools = [(); 3].map(|()| Spool::new(folder.path().to_owned(), room.clone()));
        let half = INSERTS_MEMORY_BYTES_MAX / PIECE_BYTES / 2;
        for spool in &mut spools {
            filled(spool, half).await;
            let kept: usize = spool.pieces.iter().map(Bytes::len).sum();
            assert_eq!(kept, spool.in_room + spool.over);
            assert!(taken(&room) <= INSERTS_MEMORY_BYTES_MAX);
        }
        let [first, second, third] = spools;
        assert!(first.file.is_none() && second.file.is_none() && third.file.is_some());
        drop(first);
        let mut fourth = Spool::new(folder.path().to_owned(), room.clone());
        filled(&mut fourth, half).await;
        assert!(fourth.file.is_none(), "a client that went away left its room");
        for spool in [second, third, fourth] {
            let read = read(spool);
            assert_eq!(read.len(), half * PIECE_BYTES);
            assert!(read.is_sorted());
        }
        assert_eq!(taken(&room), 0);
    }

    #[tokio::test]
    async fn no_space_is_an_error_that_says_so() {
        let room = Room::default();
        let mut spool = Spool::new(PathBuf::from("/nowhere/at/all"), room.clone());
        let error = spool.push(Bytes::from(vec![0; INSERTS_MEMORY_BYTES_MAX + 1])).await.unwrap_err();
        assert_eq!(error.code, 243);
        assert!(error.text.contains("nothing was inserted"), "{}", error.text);
        drop(spool);
        assert_eq!(taken(&room), 0);
    }
}

//! The events of a recording that has ended, in a file of its own.
//!
//! ```text
//!   "PHR1" | records
//!   record: ms since 1970, u64 | n > 0, u32 | n bytes of output
//!         | ms since 1970, u64 | 0, u32 | rows, u16 | columns, u16
//! ```
//!
//! Numbers are little-endian. A file that was cut off is read as far as it goes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use porthole_protocol::spec::Size;

use crate::terminal::log::Event;

const MAGIC: &[u8; 4] = b"PHR1";

/// Most bytes of output in one record: what a log's event has at most, several times.
const MOST: u32 = 1024 * 1024;

/// Writes events with at most `most` bytes of output; answers how many those were. What was written before an error is kept.
///
/// # Errors
/// When the file cannot be made.
pub(super) fn write(
    path: &Path,
    events: impl Iterator<Item = io::Result<(u64, Event)>>,
    most: u64,
) -> io::Result<u64> {
    let part = path.with_extension("part");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
    let mut file = BufWriter::with_capacity(256 * 1024, file);
    let mut bytes = 0;
    if let Err(error) = write_all(&mut file, events, most, &mut bytes).and_then(|()| file.flush()) {
        tracing::warn!(%error, path = %path.display(), "a recording is sealed without its end");
    }
    fs::rename(part, path)?;
    Ok(bytes)
}

fn write_all(
    file: &mut impl Write,
    events: impl Iterator<Item = io::Result<(u64, Event)>>,
    most: u64,
    bytes: &mut u64,
) -> io::Result<()> {
    file.write_all(MAGIC)?;
    for event in events {
        let (at_ms, event) = event?;
        match event {
            Event::Output(output) => {
                let left = usize::try_from(most - *bytes).unwrap_or(usize::MAX);
                let output = &output[..output.len().min(left)];
                for output in output.chunks(MOST as usize) {
                    file.write_all(&at_ms.to_le_bytes())?;
                    file.write_all(&u32::try_from(output.len()).unwrap_or(MOST).to_le_bytes())?;
                    file.write_all(output)?;
                    *bytes += output.len() as u64;
                }
                if *bytes >= most {
                    return Ok(());
                }
            }
            Event::Resize(Size { rows, cols }) => {
                file.write_all(&at_ms.to_le_bytes())?;
                file.write_all(&[0; 4])?;
                file.write_all(&rows.to_le_bytes())?;
                file.write_all(&cols.to_le_bytes())?;
            }
        }
    }
    Ok(())
}

/// Reads them again.
#[derive(Debug)]
pub(super) struct Events(BufReader<File>);

impl Events {
    /// Those of this file.
    ///
    /// # Errors
    /// When it cannot be opened, or is no such file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let mut file = BufReader::with_capacity(64 * 1024, File::open(path)?);
        let mut magic = [0; 4];
        file.read_exact(&mut magic)?;
        if magic == *MAGIC { Ok(Self(file)) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn read(&mut self) -> io::Result<(u64, Event)> {
        let at_ms = u64::from_le_bytes(self.take()?);
        let event = match u32::from_le_bytes(self.take()?) {
            0 => {
                let rows = u16::from_le_bytes(self.take()?);
                Event::Resize(Size { rows, cols: u16::from_le_bytes(self.take()?) })
            }
            count if count > MOST => return Err(io::ErrorKind::InvalidData.into()),
            count => {
                let mut output = vec![0; count as usize];
                self.0.read_exact(&mut output)?;
                Event::Output(output)
            }
        };
        Ok((at_ms, event))
    }

    fn take<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.0.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Iterator for Events {
    type Item = io::Result<(u64, Event)>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.read() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => None,
            read => Some(read),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_as_they_were_written_up_to_the_most() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.events");
        let size = Size { rows: 24, cols: 80 };
        let events = [
            (1, Event::Resize(size)),
            (2, Event::Output(b"hello".to_vec())),
            (9, Event::Output(b" world".to_vec())),
            (9, Event::Output(b"more".to_vec())),
        ];
        let given = || events.iter().cloned().map(Ok);
        assert_eq!(write(&path, given(), 100).unwrap(), 15);
        let read: Vec<_> = Events::open(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(read, events);
        assert_eq!(write(&path, given(), 8).unwrap(), 8);
        let read: Vec<_> = Events::open(&path).unwrap().map(Result::unwrap).collect();
        assert_eq!(read[2..], [(9, Event::Output(b" wo".to_vec()))]);
        // Cut off anywhere, it is read as far as it goes.
        let whole = fs::read(&path).unwrap();
        for end in MAGIC.len()..whole.len() {
            fs::write(&path, &whole[..end]).unwrap();
            assert!(Events::open(&path).unwrap().all(|event| event.is_ok()), "{end}");
        }
        fs::write(&path, b"PHR1\0\0\0\0\0\0\0\0\xff\xff\xff\xff").unwrap();
        assert!(Events::open(&path).unwrap().next().unwrap().is_err());
    }
}

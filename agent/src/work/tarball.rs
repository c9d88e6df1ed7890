//! Writes tar archives: POSIX ustar headers, and PAX ones before members that those cannot describe exactly. The same
//! files give the same bytes. Sources: POSIX `pax`, "pax Interchange Format"; OCI image spec, `layer.md`.

use std::io::{self, BufWriter, Read, Write};

use tar::{EntryType, Header};

use super::meta::Meta;

/// Headers are one block; contents are padded to whole ones. In bytes.
const BLOCK: u64 = 512;

/// What is written at a time, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Longest name in a header, in bytes.
const NAME_BYTES: usize = 100;

/// Largest number in a header's field of seven and of eleven octal digits.
const MAX_ID: u32 = 0o777_7777;
const MAX_SIZE: u64 = 0o777_7777_7777;

/// An archive being written.
pub(super) struct Tarball<W: Write> {
    out: BufWriter<W>,
    buffer: Vec<u8>,
}

/// What a member is.
#[derive(Clone, Copy)]
pub(super) enum Content<'a> {
    File,
    Directory,
    Symlink(&'a [u8]),
    /// Another name of an earlier member.
    HardLink(&'a [u8]),
    Fifo,
}

impl<W: Write> Tarball<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out: BufWriter::with_capacity(BUFFER_BYTES, out), buffer: vec![0; BUFFER_BYTES] }
    }

    /// Writes a regular file of `meta.size` bytes; one that became shorter is filled up with zeros, so that the archive
    /// stays well formed, and of a longer one the rest is left out.
    pub(super) fn file(
        &mut self,
        path: &[u8],
        meta: &Meta,
        file: impl Read,
        xattrs: &[(Vec<u8>, Vec<u8>)],
    ) -> io::Result<()> {
        self.member(path, meta, Content::File, xattrs)?;
        let mut file = file.take(meta.size);
        let mut written = 0;
        loop {
            match file.read(&mut self.buffer) {
                Ok(0) => break,
                Ok(n) => {
                    self.out.write_all(&self.buffer[..n])?;
                    written += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.zeros(meta.size.next_multiple_of(BLOCK) - written)
    }

    /// Writes the end mark.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.zeros(2 * BLOCK)?;
        self.out.flush()
    }

    /// Writes a member's header: all of one that has no bytes of its own.
    pub(super) fn member(
        &mut self,
        path: &[u8],
        meta: &Meta,
        content: Content<'_>,
        xattrs: &[(Vec<u8>, Vec<u8>)],
    ) -> io::Result<()> {
        let (kind, link) = match content {
            Content::File => (EntryType::Regular, &b""[..]),
            Content::Directory => (EntryType::Directory, &b""[..]),
            Content::Symlink(target) => (EntryType::Symlink, target),
            Content::HardLink(target) => (EntryType::Link, target),
            Content::Fifo => (EntryType::Fifo, &b""[..]),
        };
        let size = if matches!(content, Content::File) { meta.size } else { 0 };
        let mut name = path.to_vec();
        if matches!(content, Content::Directory) && !name.ends_with(b"/") {
            name.push(b'/');
        }
        let records = records(&name, link, size, meta, xattrs);
        if !records.is_empty() {
            let about = Plain {
                name: b"PaxHeader",
                link: b"",
                mode: 0o644,
                ids: (0, 0),
                size: records.len() as u64,
                time: 0,
            };
            self.out.write_all(about.header(EntryType::XHeader).as_bytes())?;
            self.out.write_all(&records)?;
            self.zeros((records.len() as u64).next_multiple_of(BLOCK) - records.len() as u64)?;
        }
        let plain = Plain {
            name: &name,
            link,
            mode: meta.mode,
            ids: (meta.uid.min(MAX_ID), meta.gid.min(MAX_ID)),
            // Where it does not fit, the PAX header has it.
            size: if size > MAX_SIZE { 0 } else { size },
            time: u64::try_from(meta.mtime.0).unwrap_or(0).min(MAX_SIZE),
        };
        self.out.write_all(plain.header(kind).as_bytes())
    }

    fn zeros(&mut self, count: u64) -> io::Result<()> {
        io::copy(&mut io::repeat(0).take(count), &mut self.out).map(drop)
    }
}

/// What fits into a header.
struct Plain<'a> {
    name: &'a [u8],
    link: &'a [u8],
    mode: u32,
    ids: (u32, u32),
    size: u64,
    time: u64,
}

impl Plain<'_> {
    fn header(&self, kind: EntryType) -> Header {
        let mut header = Header::new_ustar();
        let fields = header.as_old_mut();
        // Of a longer name, readers that know no PAX headers see the beginning.
        for (field, text) in [(&mut fields.name, self.name), (&mut fields.linkname, self.link)] {
            let length = text.len().min(NAME_BYTES);
            field[..length].copy_from_slice(&text[..length]);
        }
        header.set_entry_type(kind);
        header.set_mode(self.mode);
        header.set_uid(self.ids.0.into());
        header.set_gid(self.ids.1.into());
        header.set_size(self.size);
        header.set_mtime(self.time);
        header.set_cksum();
        header
    }
}

/// The PAX records that a member needs; in a fixed order, each at most once.
fn records(name: &[u8], link: &[u8], size: u64, meta: &Meta, xattrs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let mut records = Vec::new();
    let mut add = |key: &[u8], value: &[u8]| records.extend(record(key, value));
    // What is not ASCII is read as UTF-8 from a PAX header and as anything from a plain one.
    let fits = |text: &[u8]| text.len() <= NAME_BYTES && text.is_ascii();
    if !fits(name) {
        add(b"path", name);
    }
    if !fits(link) {
        add(b"linkpath", link);
    }
    if size > MAX_SIZE {
        add(b"size", size.to_string().as_bytes());
    }
    if meta.uid > MAX_ID {
        add(b"uid", meta.uid.to_string().as_bytes());
    }
    if meta.gid > MAX_ID {
        add(b"gid", meta.gid.to_string().as_bytes());
    }
    let (seconds, nanoseconds) = meta.mtime;
    let is_plain = nanoseconds == 0 && (0..=MAX_SIZE.cast_signed()).contains(&seconds);
    if !is_plain {
        add(b"mtime", time(seconds, nanoseconds).as_bytes());
    }
    for (name, value) in xattrs {
        // The end of a key is the first equals sign.
        if !name.contains(&b'=') {
            add(&[b"SCHILY.xattr.", name.as_slice()].concat(), value);
        }
    }
    records
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() > length {
        length += 1;
    }
    [length.to_string().as_bytes(), b" ", key, b"=", value, b"\n"].concat()
}

/// Seconds with a fraction; nanoseconds count upwards before 1970 as well.
fn time(seconds: i64, nanoseconds: u32) -> String {
    let (sign, whole, fraction) = match (seconds, nanoseconds) {
        (..0, 0) => ("-", seconds.unsigned_abs(), 0),
        (..0, _) => ("-", seconds.unsigned_abs() - 1, 1_000_000_000 - nanoseconds),
        _ => ("", seconds.unsigned_abs(), nanoseconds),
    };
    if fraction == 0 {
        return format!("{sign}{whole}");
    }
    format!("{sign}{whole}.{fraction:09}").trim_end_matches('0').to_owned()
}

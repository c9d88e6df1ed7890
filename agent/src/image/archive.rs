//! Reads tar archives strictly, one member after the other, from a stream.
//!
//! The `tar` crate describes the header; the walk from header to header is here because it decides which bytes are headers
//! at all. Readers that disagree about that can be shown different archives (CVE-2025-62518), so whatever GNU tar, Go and
//! others might read differently is an error, and the formats they share are all read: v7, ustar, PAX, GNU, both kinds of
//! sparse files. Sources: POSIX `pax`; GNU tar manual, "Basic Tar Format".

use std::io::{self, BufRead, Read};
use std::mem;

use porthole_protocol::limits::MAX_PATH_BYTES;
use tar::{EntryType, GnuHeader, Header};

use super::path::shown;
use super::pax::Records;
use super::sparse::{self, Segment};

#[cfg(test)]
mod tests;

/// Headers are one block; contents are padded to whole ones. In bytes.
pub(crate) const BLOCK: usize = 512;

/// Largest extended header or long name, in bytes. Names have 4 KiB, extended attributes 64 KiB each.
const MAX_EXTENSION_BYTES: u64 = 1024 * 1024;

/// Largest number an eleven-digit octal size field can hold.
const MAX_OCTAL_SIZE: u64 = 0o777_7777_7777;

/// Why an archive that was cut off cannot be read on.
const CUT: &str = "it ends in the middle of a member";

/// Why an archive cannot be read on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// It is broken, or could be read in two ways.
    #[error("{0}")]
    Malformed(String),
    /// Its source failed.
    #[error("{0}")]
    Read(#[from] io::Error),
}

impl From<String> for ArchiveError {
    fn from(why: String) -> Self {
        Self::Malformed(why)
    }
}

impl From<&str> for ArchiveError {
    fn from(why: &str) -> Self {
        Self::Malformed(why.to_owned())
    }
}

type Result<T, E = ArchiveError> = std::result::Result<T, E>;

/// What a header says about a member.
#[derive(Debug)]
pub(crate) struct Member {
    /// As written; nothing is checked but its length.
    pub(crate) path: Vec<u8>,
    pub(crate) kind: Kind,
    /// Permission, setuid, setgid and sticky bits.
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    /// Seconds and nanoseconds since 1970-01-01 UTC.
    pub(crate) mtime: (i64, u32),
    /// Extended attributes: names and values.
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What a member is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A regular file.
    File {
        /// Its length in bytes, holes included.
        size: u64,
        /// Where its stored bytes belong, when it has holes; in ascending order and within `size`.
        segments: Option<Vec<Segment>>,
    },
    Directory,
    /// Its target, as written.
    Symlink(Vec<u8>),
    /// The earlier member's path, as written.
    HardLink(Vec<u8>),
    Fifo,
    Device,
}

/// An archive being read. Reading from it gives the stored bytes of the current member.
pub(crate) struct Archive<R> {
    source: R,
    /// Stored bytes of the current member that have not been read yet.
    left: u64,
    /// Bytes that follow them up to the next header.
    padding: u64,
}

/// Extension members that describe the next one.
#[derive(Default)]
struct Extensions {
    pax: Option<Records>,
    long_path: Option<Vec<u8>>,
    long_link: Option<Vec<u8>>,
}

impl<R: Read> Archive<R> {
    pub(crate) fn new(source: R) -> Self {
        Self { source, left: 0, padding: 0 }
    }

    /// The next member; none at the archive's end. What was not read of the current one is skipped.
    pub(crate) fn next(&mut self) -> Result<Option<Member>> {
        let mut extensions = Extensions::default();
        loop {
            let Some(header) = self.next_header()? else {
                return if extensions.is_empty() {
                    Ok(None)
                } else {
                    Err("an extended header describes nothing".into())
                };
            };
            let kind = header.entry_type();
            self.left = size_field(&header)?;
            self.padding = self.left.next_multiple_of(BLOCK as u64) - self.left;
            if !matches!(kind.as_byte(), b'x' | b'g' | b'L' | b'K') {
                return self.member(&header, extensions).map(Some);
            }
            if header.as_ustar().is_none() && header.as_gnu().is_none() {
                return Err("an extended header in a format that has none".into());
            }
            let body = self.extension_body()?;
            let twice = match kind.as_byte() {
                b'x' => extensions.pax.replace(Records::parse(&body)?).is_some(),
                b'L' => extensions.long_path.replace(c_string(&body)?).is_some(),
                b'K' => extensions.long_link.replace(c_string(&body)?).is_some(),
                _ if Records::parse(&body)?.is_harmless_globally() => false,
                _ => return Err("a global header changes the members after it".into()),
            };
            if twice {
                return Err("two extended headers describe the same member".into());
            }
        }
    }

    /// Reads the source to its end; whatever follows an archive's end is ignored, as tar does.
    pub(crate) fn drain(mut self) -> io::Result<()> {
        io::copy(&mut self.source, &mut io::sink()).map(drop)
    }

    fn next_header(&mut self) -> Result<Option<Header>> {
        self.skip()?;
        let Some(block) = self.block()? else { return Ok(None) };
        if block == [0; BLOCK] {
            return match self.block()? {
                Some(second) if second != [0; BLOCK] => Err("a header follows half an end mark".into()),
                _ => Ok(None),
            };
        }
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(&block);
        let field = mem::size_of_val(&header.as_old().cksum);
        let sum = block.iter().map(|&b| u64::from(b)).sum::<u64>();
        let own: u64 = header.as_old().cksum.iter().map(|&b| u64::from(b)).sum();
        // The field itself counts as spaces.
        if octal(&header.as_old().cksum) != Some(sum - own + field as u64 * u64::from(b' ')) {
            return Err("a header's checksum is wrong: this is no tar archive, or a broken one".into());
        }
        let known = header.as_ustar().is_some() || header.as_gnu().is_some();
        let is_star = block.ends_with(b"tar\0");
        if is_star || (block[257..].starts_with(b"ustar") && !known) {
            return Err("a header of a dialect that is not known".into());
        }
        Ok(Some(header))
    }

    fn member(&mut self, header: &Header, extensions: Extensions) -> Result<Member> {
        let Extensions { pax, long_path, long_link } = extensions;
        if pax.is_some() && header.as_ustar().is_none() {
            return Err("a PAX header describes a member of another format".into());
        }
        let pax = pax.unwrap_or_default();
        self.resize(&pax)?;
        let path = one_of(pax.get("path"), long_path)?.unwrap_or_else(|| header.path_bytes().into_owned());
        let link = one_of(pax.get("linkpath"), long_link)?
            .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned))
            .unwrap_or_default();
        let path = pax.get("GNU.sparse.name").map_or(path, <[u8]>::to_vec);
        let malformed = |what: &str| format!("{} has a malformed {what}", shown(&path));
        if path.is_empty() || path.len() > MAX_PATH_BYTES || link.len() > MAX_PATH_BYTES {
            return Err(malformed("name").into());
        }
        let kind = self.kind(header, &pax, &path, link)?;
        let stores_nothing = !matches!(kind, Kind::File { .. });
        if stores_nothing && self.left != 0 {
            return Err(malformed("size: it is no file and stores bytes").into());
        }
        let old = header.as_old();
        let mode = octal(&old.mode).ok_or_else(|| malformed("mode"))?;
        let mtime = number(&old.mtime).ok_or_else(|| malformed("time"))?;
        Ok(Member {
            mode: u32::try_from(mode & 0o7777).expect("twelve bits"),
            uid: pax.number("uid")?.or(number(&old.uid)).ok_or_else(|| malformed("owner"))?,
            gid: pax.number("gid")?.or(number(&old.gid)).ok_or_else(|| malformed("group"))?,
            mtime: pax.mtime()?.unwrap_or((mtime.cast_signed(), 0)),
            xattrs: pax.xattrs().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            path,
            kind,
        })
    }

    /// Believes a PAX size only where the header cannot hold it: that is where readers agree.
    fn resize(&mut self, pax: &Records) -> Result<()> {
        match pax.number("size")? {
            Some(size) if size > MAX_OCTAL_SIZE => {
                self.left = size;
                let rounded = size.checked_next_multiple_of(BLOCK as u64).ok_or("a size is out of range")?;
                self.padding = rounded - size;
                Ok(())
            }
            Some(size) if size != self.left => Err("a PAX size contradicts its header".into()),
            _ => Ok(()),
        }
    }

    fn kind(&mut self, header: &Header, pax: &Records, path: &[u8], link: Vec<u8>) -> Result<Kind> {
        let entry_type = header.entry_type();
        let names_directory = path.ends_with(b"/");
        if pax.is_sparse() && !matches!(entry_type, EntryType::Regular) {
            return Err("a sparse file that is not regular".into());
        }
        Ok(match entry_type {
            EntryType::Directory => Kind::Directory,
            // v7 knows directories by the slash alone.
            EntryType::Regular if names_directory && header.as_bytes()[156] == 0 => Kind::Directory,
            _ if names_directory => {
                return Err(format!("{} is no directory and is named like one", shown(path)).into());
            }
            EntryType::Regular if pax.is_sparse() => self.pax_sparse(pax)?,
            EntryType::Regular | EntryType::Continuous => Kind::File { size: self.left, segments: None },
            EntryType::GNUSparse => {
                self.gnu_sparse(header.as_gnu().ok_or("a sparse file in a format that has none")?)?
            }
            EntryType::Symlink if !link.is_empty() => Kind::Symlink(link),
            EntryType::Link if !link.is_empty() => Kind::HardLink(link),
            EntryType::Fifo => Kind::Fifo,
            EntryType::Char | EntryType::Block => Kind::Device,
            _ => return Err(format!("{} is of a kind that is not known", shown(path)).into()),
        })
    }

    /// GNU's own format: the map is in the header and in blocks after it.
    fn gnu_sparse(&mut self, header: &GnuHeader) -> Result<Kind> {
        let size = number(&header.realsize).ok_or("a sparse file's size is malformed")?;
        let mut map = Vec::new();
        let mut fields: Vec<u8> =
            header.sparse.iter().flat_map(|s| s.offset.into_iter().chain(s.numbytes)).collect();
        let mut extended = header.isextended[0] != 0;
        loop {
            sparse::read_fields(&fields, &mut map)?;
            if !extended {
                return Ok(Kind::File { size, segments: Some(sparse::check(map, size, self.left)?) });
            }
            let block = self.block()?.ok_or("it ends within a sparse file's map")?;
            fields = block[..sparse::FIELDS_PER_BLOCK].to_vec();
            extended = block[sparse::FIELDS_PER_BLOCK] != 0;
        }
    }

    /// GNU's PAX formats: in 1.0 the map is decimal text before the contents, padded to whole blocks; in 0.0 and 0.1 it is
    /// in the extended header.
    fn pax_sparse(&mut self, pax: &Records) -> Result<Kind> {
        let version = (pax.get("GNU.sparse.major"), pax.get("GNU.sparse.minor"));
        let (real, old) = (pax.number("GNU.sparse.realsize")?, pax.number("GNU.sparse.size")?);
        let (size, map) = match (version, real, old) {
            ((Some(b"1"), Some(b"0")), Some(size), None) => {
                let map = sparse::read_map(|block| {
                    self.read_exact(block)
                        .map_err(|_| ArchiveError::from("it ends within a sparse file's map"))
                })?;
                (size, map)
            }
            ((None, None), None, Some(size)) => (size, sparse::pairs(&pax.sparse_map()?)?),
            _ => return Err("a sparse file in a format that is not known".into()),
        };
        Ok(Kind::File { size, segments: Some(sparse::check(map, size, self.left)?) })
    }

    fn extension_body(&mut self) -> Result<Vec<u8>> {
        if self.left > MAX_EXTENSION_BYTES {
            return Err("an extended header is too large".into());
        }
        let mut body = Vec::new();
        self.read_to_end(&mut body)?;
        Ok(body)
    }

    /// Goes to the next header. An archive may end where the contents of its last member do: Go's programs read it, and so
    /// some write it (`umoci insert`).
    fn skip(&mut self) -> Result<()> {
        let amount = self.left.checked_add(self.padding).ok_or("a size is out of range")?;
        let skipped = io::copy(&mut (&mut self.source).take(amount), &mut io::sink())?;
        let is_whole = skipped >= self.left;
        (self.left, self.padding) = (0, 0);
        if is_whole { Ok(()) } else { Err(CUT.into()) }
    }

    /// The next block; none at the source's end.
    fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while filled < BLOCK {
            match self.source.read(&mut block[filled..]) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err("it ends in the middle of a block".into()),
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(block))
    }
}

impl<R: Read> Read for Archive<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = (&mut self.source).take(self.left).read(buffer)?;
        if n == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, CUT));
        }
        self.left -= n as u64;
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Archive<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        if left == 0 {
            return Ok(&[]);
        }
        match self.source.fill_buf()? {
            [] => Err(io::Error::new(io::ErrorKind::UnexpectedEof, CUT)),
            bytes => Ok(&bytes[..left.min(bytes.len())]),
        }
    }

    fn consume(&mut self, amount: usize) {
        self.source.consume(amount);
        self.left -= amount as u64;
    }
}

impl Extensions {
    fn is_empty(&self) -> bool {
        self.pax.is_none() && self.long_path.is_none() && self.long_link.is_none()
    }
}

/// A name that came by one extension; two that both name the member could be weighed differently.
fn one_of(pax: Option<&[u8]>, gnu: Option<Vec<u8>>) -> Result<Option<Vec<u8>>> {
    match (pax, gnu) {
        (Some(_), Some(_)) => Err("a PAX and a GNU header name the same member".into()),
        (Some(pax), None) => Ok(Some(pax.to_vec())),
        (None, gnu) => Ok(gnu),
    }
}

/// A long name: ended by NUL, and none within. Without an end, some readers go on into what follows.
fn c_string(body: &[u8]) -> Result<Vec<u8>> {
    let end = body.iter().position(|&b| b == 0).filter(|&end| end > 0 && body[end..].iter().all(|&b| b == 0));
    Ok(body[..end.ok_or("a long name is malformed")?].to_vec())
}

fn size_field(header: &Header) -> Result<u64> {
    let field = &header.as_old().size;
    let blank = field.iter().all(|b| matches!(b, 0 | b' '));
    let size = number(field).filter(|&size| !blank && size <= i64::MAX.cast_unsigned());
    size.ok_or_else(|| "a header's size is malformed".into())
}

/// A numeric field: octal digits, or GNU's base 256 when the first bit is set. Times may be negative in the latter.
pub(crate) fn number(field: &[u8]) -> Option<u64> {
    let (high, low) = field.split_at(field.len().saturating_sub(8));
    let sign_bytes = |filler: u8| high.iter().skip(1).all(|&b| b == filler);
    match (field.first()?, high.is_empty()) {
        (first, _) if first & 0x80 == 0 => octal(field),
        // Eight bytes: 63 bits beside the mark; a negative number is no owner.
        (0x80, true) => low.iter().skip(1).try_fold(0_u64, |value, &b| Some(value << 8 | u64::from(b))),
        (0x80, false) if sign_bytes(0) => Some(u64::from_be_bytes(low.try_into().ok()?)),
        (0xff, false) if sign_bytes(0xff) => Some(u64::from_be_bytes(low.try_into().ok()?)),
        _ => None,
    }
}

/// Octal digits between optional spaces; nothing but NUL and spaces after them. A blank field is zero.
pub(crate) fn octal(field: &[u8]) -> Option<u64> {
    let start = field.iter().position(|&b| b != b' ').unwrap_or(field.len());
    let digits = field[start..].iter().take_while(|b| matches!(b, b'0'..=b'7')).count();
    let (digits, rest) = field[start..].split_at(digits);
    if !rest.iter().all(|b| matches!(b, 0 | b' ')) {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, &b| value.checked_mul(8)?.checked_add(u64::from(b - b'0')))
}

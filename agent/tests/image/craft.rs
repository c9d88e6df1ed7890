//! Makes tar archives that no tool would make, header by header.

use tar::Header;

/// An archive being made.
#[derive(Clone, Default)]
pub struct Craft(Vec<u8>);

impl Craft {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn dir(self, path: &str) -> Self {
        self.member(b'5', path, "", b"", |header| header.set_mode(0o755))
    }

    pub fn file(self, path: &str, body: &[u8]) -> Self {
        self.member(b'0', path, "", body, |_| {})
    }

    pub fn symlink(self, path: &str, target: &str) -> Self {
        self.member(b'2', path, target, b"", |_| {})
    }

    pub fn hard_link(self, path: &str, target: &str) -> Self {
        self.member(b'1', path, target, b"", |_| {})
    }

    /// A member of any type; `change` has the last word on its header.
    pub fn member(
        self,
        kind: u8,
        path: &str,
        link: &str,
        body: &[u8],
        change: impl FnOnce(&mut Header),
    ) -> Self {
        self.add(Header::new_ustar(), kind, path, link, body, change)
    }

    /// A regular file in GNU's format.
    pub fn gnu_file(self, path: &str, body: &[u8]) -> Self {
        self.gnu_member(b'0', path, body, |_| {})
    }

    /// A member in GNU's format.
    pub fn gnu_member(self, kind: u8, path: &str, body: &[u8], change: impl FnOnce(&mut Header)) -> Self {
        self.add(Header::new_gnu(), kind, path, "", body, change)
    }

    fn add(
        self,
        mut header: Header,
        kind: u8,
        path: &str,
        link: &str,
        body: &[u8],
        change: impl FnOnce(&mut Header),
    ) -> Self {
        header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
        header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        header.as_old_mut().linkflag = [kind];
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(body.len() as u64);
        change(&mut header);
        header.set_cksum();
        self.raw(header.as_bytes()).raw(body).pad()
    }

    /// A PAX header of these records before the next member.
    pub fn pax(self, records: &[(&str, &[u8])]) -> Self {
        let body: Vec<u8> = records.iter().flat_map(|(key, value)| record(key, value)).collect();
        self.member(b'x', "pax", "", &body, |_| {})
    }

    /// Bytes as they are.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// Zeros up to a whole block.
    fn pad(mut self) -> Self {
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    /// The archive with its end mark.
    pub fn end(self) -> Vec<u8> {
        self.raw(&[0; 1024]).0
    }

    /// The archive without an end mark.
    pub fn cut(self) -> Vec<u8> {
        self.0
    }
}

/// Makes the checksum of a header block right again.
pub fn fix_checksum(block: &mut [u8]) {
    let mut header = Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    header.set_cksum();
    block.copy_from_slice(header.as_bytes());
}

fn record(key: &str, value: &[u8]) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length.to_string().len() + rest != length {
        length += 1;
    }
    [length.to_string().as_bytes(), b" ", key.as_bytes(), b"=", value, b"\n"].concat()
}

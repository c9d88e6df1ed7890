//! Random bytes from the kernel.

/// So many bytes that nobody can guess.
///
/// # Panics
/// Never: `getrandom(2)` without flags fails only for a bad buffer.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        let flags = rustix::rand::GetRandomFlags::empty();
        match rustix::rand::getrandom(&mut bytes[filled..], flags) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => unreachable!("getrandom(2) cannot fail here: {error}"),
        }
    }
    bytes
}

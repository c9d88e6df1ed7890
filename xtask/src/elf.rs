//! Just enough of elf(5) to tell a static program.

/// Whether a 64-bit little-endian ELF file asks for no interpreter, see elf(5): no program header of type `PT_INTERP`.
pub fn is_static(elf: &[u8]) -> bool {
    const PT_INTERP: u32 = 3;
    let u16_at = |at: usize| elf.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let u32_at = |at: usize| elf.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
    let interpreter = || {
        let table = usize::try_from(u32_at(32)?).ok()?;
        let (size, count) = (u16_at(54)?, u16_at(56)?);
        Some((0..count).any(|index| u32_at(table + index * size) == Some(PT_INTERP)))
    };
    elf.starts_with(b"\x7fELF\x02\x01") && interpreter() == Some(false)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_program_with_an_interpreter_is_not_static() {
        let this_test = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!is_static(&this_test));
        assert!(!is_static(b"#!/bin/sh\n"));
    }
}

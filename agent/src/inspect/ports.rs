//! `/proc/PID/net/tcp` and `tcp6` (`proc_net(5)`): what listens.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use porthole_protocol::http::ListeningPort;

/// `TCP_LISTEN` of the kernel's `net/tcp_states.h`, as the table writes it.
const LISTEN: &str = "0A";

/// Addresses that are listened on; text that is no line of such a table is left out.
pub(crate) fn addresses(tables: &[String; 2]) -> impl Iterator<Item = SocketAddr> {
    tables.iter().flat_map(|table| table.lines()).filter_map(line)
}

/// Ports that are listened on, in their order, each once.
pub(crate) fn listening(tables: &[String; 2]) -> Vec<ListeningPort> {
    let mut ports = BTreeMap::new();
    for address in addresses(tables) {
        *ports.entry(address.port()).or_insert(true) &= address.ip().is_loopback();
    }
    ports.into_iter().map(|(port, loopback)| ListeningPort { port, loopback, preview: None }).collect()
}

/// `sl local_address rem_address st …`: the state is behind the address, so a line that was cut off has none.
fn line(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_ascii_whitespace();
    let (local, state) = (fields.nth(1)?, fields.nth(1)?);
    if state != LISTEN {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    Some(SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// Each four bytes of an address, which are in the network's order, are written as one number of this machine's.
fn ip(digits: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = u32::from_str_radix(digits.get(at..at + 8)?, 16).ok()?;
        Some(word.to_ne_bytes())
    };
    match digits.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            Some(Ipv6Addr::from(<[u8; 16]>::try_from(words).ok()?).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn entry(address: SocketAddr, state: &str) -> String {
        let words: String = match address.ip() {
            IpAddr::V4(ip) => format!("{:08X}", u32::from_ne_bytes(ip.octets())),
            IpAddr::V6(ip) => {
                let words = ip.octets();
                let words = words.chunks(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
                words.map(|word| format!("{word:08X}")).collect()
            }
        };
        format!(
            "   0: {words}:{:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000\n",
            address.port()
        )
    }

    #[test]
    fn a_port_is_open_or_reached_by_loopback_alone() {
        let v4 = format!(
            "{HEAD}{}{}{}",
            "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1\n",
            "   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 2 1\n",
            "   2: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 3 1\n",
        );
        let v6 = "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0\n\
                  \x20  1: 00000000000000000000000000000000:1F91 00000000000000000000000000000000:0000 0A 0\n\
                  \x20  2: 0000000000000000FFFF00000100007F:1F92 00000000000000000000000000000000:0000 0A 0\n";
        let told: Vec<_> = listening(&[v4, v6.to_owned()]).iter().map(|p| (p.port, p.loopback)).collect();
        assert_eq!(told, [(80, false), (8080, true), (8081, false), (8082, true)]);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(table in any::<String>(), digits in "[0-9A-F:é ]{0,60}") {
            let line = format!("0: {digits} 0:0 0A");
            listening(&[table, line]);
        }

        #[test]
        fn what_the_kernel_writes_is_read_back_and_a_cut_line_left_out(
            v4 in any::<(u32, u16)>(), v6 in any::<(u128, u16)>(), cut in 0..40_usize,
        ) {
            let v4 = SocketAddr::new(Ipv4Addr::from(v4.0).into(), v4.1);
            let v6 = SocketAddr::new(IpAddr::V6(Ipv6Addr::from(v6.0)), v6.1);
            let other = entry(v4, "01");
            let last = &entry(v4, LISTEN)[..cut.min(30)];
            let tables = [format!("{HEAD}{}{other}{last}", entry(v4, LISTEN)), entry(v6, LISTEN)];
            let read: Vec<_> = addresses(&tables).collect();
            prop_assert_eq!(read, [v4, SocketAddr::new(v6.ip().to_canonical(), v6.port())]);
        }
    }
}

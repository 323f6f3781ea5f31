//! Addresses for the world's servers. All of them are loopback addresses, for which the program speaks plain HTTP; none is bound before somebody
//! listens. The network 127.64.0.0/10 has room for an address of every process, so two test programs never meet.

use super::server::Known;
use super::server::Server;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Mutex;

/// The ports that are given out, one after the other.
const PORTS: std::ops::Range<u16> = 10_000..60_000;

#[derive(Debug)]
struct Addresses {
    next: u16,
    taken: BTreeMap<SocketAddr, Known>,
}

static ADDRESSES: Mutex<Addresses> = Mutex::new(Addresses {
    next: PORTS.start,
    taken: BTreeMap::new(),
});

thread_local! {
    /// Where the servers are that this thread starts, if not at this process's own address.
    static ELSEWHERE: Cell<Option<IpAddr>> = const { Cell::new(None) };
}

/// The servers that are started meanwhile have this loopback address and no other, and listen there.
pub fn with_address<T>(address: impl Into<IpAddr>, start: impl FnOnce() -> T) -> T {
    ELSEWHERE.set(Some(address.into()));
    let started = start();
    ELSEWHERE.set(None);
    started
}

/// The servers that are started meanwhile have an IPv6 address and no other.
pub fn with_ipv6_only<T>(start: impl FnOnce() -> T) -> T {
    with_address(Ipv6Addr::LOCALHOST, start)
}

/// An address that nobody has.
pub(super) fn free() -> SocketAddr {
    if let Some(address) = ELSEWHERE.get() {
        // Others have ports there too.
        let listener = TcpListener::bind((address, 0)).expect("a free port");
        return listener.local_addr().expect("an address");
    }
    let mut addresses = ADDRESSES.lock().expect("addresses");
    loop {
        let address = SocketAddr::new(own(), addresses.next);
        addresses.next = match addresses.next + 1 {
            next if PORTS.contains(&next) => next,
            _ => PORTS.start,
        };
        if !addresses.taken.contains_key(&address) {
            return address;
        }
    }
}

/// The address of this process. Numbers of processes have at most 22 bits (proc(5), `pid_max`).
fn own() -> IpAddr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64 | high, middle, low).into()
}

/// Whether servers have to listen from the beginning.
pub(super) fn is_real(address: SocketAddr) -> bool {
    address.ip() != own() || super::all_as_processes()
}

/// Writes down who is there.
pub(super) fn take(address: SocketAddr, server: Known) {
    let mut addresses = ADDRESSES.lock().expect("addresses");
    addresses.taken.insert(address, server);
}

/// Nobody is there any more.
pub(super) fn give_back(address: SocketAddr) {
    let mut addresses = ADDRESSES.lock().expect("addresses");
    addresses.taken.remove(&address);
}

/// The server at an address.
pub fn server_at(address: SocketAddr) -> Option<Server> {
    let known = ADDRESSES
        .lock()
        .expect("addresses")
        .taken
        .get(&address)?
        .clone();
    known.server()
}

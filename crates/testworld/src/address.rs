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
    /// Whether the servers that this thread starts are at IPv6 addresses.
    static IS_IPV6: Cell<bool> = const { Cell::new(false) };
}

/// The servers that are started meanwhile have an IPv6 address and no other, and listen there.
pub fn with_ipv6_only<T>(start: impl FnOnce() -> T) -> T {
    IS_IPV6.set(true);
    let started = start();
    IS_IPV6.set(false);
    started
}

/// An address that nobody has.
pub(super) fn free() -> SocketAddr {
    if IS_IPV6.get() {
        // There is one such address, and others have ports there too.
        let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).expect("a free port");
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
    address.is_ipv6() || super::all_as_processes()
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

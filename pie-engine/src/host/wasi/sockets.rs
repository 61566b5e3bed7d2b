//! What is there of `wasi:sockets`: all of its names, and nothing that makes a socket.
//!
//! The C library closes a file descriptor without knowing at compile time what it is, so whoever uses files, which is every program with a
//! standard library, imports the destructors of sockets; and an interpreter imports every function, whatever its program does. So all of them are linked. Those that make something
//! answer that access is denied, which a program sees as an error of its own; what remains are methods of things that nobody can have.

use wasmtime::component::{Linker, LinkerInstance, Resource, ResourceType, Val};
use wasmtime::error::bail;

/// A resource of `wasi:sockets`; the only value of this type is the one network, with which nothing can be done.
enum NoSocket {}

/// The methods of each resource of an interface.
type Methods = &'static [(&'static str, &'static [&'static str])];

/// The resources with their methods, by interface.
const RESOURCES: [(&str, Methods); 4] = [
    ("network", &[("network", &[])]),
    ("ip-name-lookup", &[("resolve-address-stream", &["resolve-next-address", "subscribe"])]),
    ("tcp", &[("tcp-socket", TCP_SOCKET)]),
    (
        "udp",
        &[
            ("udp-socket", UDP_SOCKET),
            ("incoming-datagram-stream", &["receive", "subscribe"]),
            ("outgoing-datagram-stream", &["check-send", "send", "subscribe"]),
        ],
    ),
];

const TCP_SOCKET: &[&str] = &[
    "start-bind",
    "finish-bind",
    "start-connect",
    "finish-connect",
    "start-listen",
    "finish-listen",
    "accept",
    "local-address",
    "remote-address",
    "is-listening",
    "address-family",
    "set-listen-backlog-size",
    "keep-alive-enabled",
    "set-keep-alive-enabled",
    "keep-alive-idle-time",
    "set-keep-alive-idle-time",
    "keep-alive-interval",
    "set-keep-alive-interval",
    "keep-alive-count",
    "set-keep-alive-count",
    "hop-limit",
    "set-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
    "shutdown",
];

const UDP_SOCKET: &[&str] = &[
    "start-bind",
    "finish-bind",
    "stream",
    "local-address",
    "remote-address",
    "address-family",
    "unicast-hop-limit",
    "set-unicast-hop-limit",
    "receive-buffer-size",
    "set-receive-buffer-size",
    "send-buffer-size",
    "set-send-buffer-size",
    "subscribe",
];

/// The functions that would make something, by interface.
const DENIED: [(&str, &str); 3] = [
    ("ip-name-lookup", "resolve-addresses"),
    ("tcp-create-socket", "create-tcp-socket"),
    ("udp-create-socket", "create-udp-socket"),
];

pub(super) fn add_to_linker<T: 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    for (interface, resources) in RESOURCES {
        let mut instance = linker.instance(&full(interface))?;
        for (resource, methods) in resources {
            instance.resource(resource, ResourceType::host::<NoSocket>(), |_, _| Ok(()))?;
            for method in *methods {
                instance.func_new(&format!("[method]{resource}.{method}"), |_, _, _, _| {
                    bail!("there are no sockets in an inferlet")
                })?;
            }
        }
    }
    for (interface, function) in DENIED {
        deny(&mut linker.instance(&full(interface))?, function)?;
    }
    linker.instance(&full("instance-network"))?.func_new("instance-network", |store, _, _, results| {
        results[0] = Val::Resource(Resource::<NoSocket>::new_own(0).try_into_resource_any(store)?);
        Ok(())
    })
}

fn deny<T: 'static>(instance: &mut LinkerInstance<'_, T>, function: &str) -> wasmtime::Result<()> {
    instance.func_new(function, |mut store, _, parameters, results| {
        for parameter in parameters {
            // A borrow is given back by whoever got it.
            if let Val::Resource(network) = parameter {
                network.try_into_resource::<NoSocket>(&mut store)?;
            }
        }
        results[0] = Val::Result(Err(Some(Box::new(Val::Enum("access-denied".to_owned())))));
        Ok(())
    })
}

fn full(interface: &str) -> String {
    format!("wasi:sockets/{interface}@0.2.12")
}

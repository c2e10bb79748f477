//! A store under test: its clock in the test's hand, and what happens to servers.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use testkit::resp::Client;
use tower_keep_core::{
    Namespace,
    connection::{Backend, ConnectionManager, Profile, Redis, Script},
};

use crate::{
    key::EntryKey,
    store::{
        Store,
        memory::{Clock, MemoryStore},
        partition,
        redis::RedisStore,
        scripts::Scripts,
    },
    tag::{Tag, TagId},
};

pub(super) const KEYS: usize = 2;
pub(super) const TAGS: usize = 3;

/// The tags of each key's entry: one of its own and one that both have.
pub(super) const OWN: [[usize; 2]; KEYS] = [[0, 1], [1, 2]];

pub(super) fn key(number: usize) -> EntryKey {
    EntryKey::from_parts(&[b"key", &[number as u8]])
}

pub(super) fn tag(number: usize) -> Tag {
    Tag::from(format!("tag:{number}"))
}

/// The ids of the tags whose bits are set.
pub(super) fn ids(mask: u8) -> Vec<TagId> {
    tags(mask).iter().map(Tag::id).collect()
}

pub(super) fn tags(mask: u8) -> Vec<Tag> {
    (0..TAGS)
        .filter(|bit| mask & (1 << bit) != 0)
        .map(tag)
        .collect()
}

/// A key in the store, as an eviction names it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Target {
    Record,
    Tag(usize),
    Lease(usize),
    Entry(usize),
}

pub(super) enum Keep {
    Memory {
        store: Arc<MemoryStore>,
        clock: Arc<AtomicU64>,
    },
    Redis(Box<RedisKeep>),
}

pub(super) struct RedisKeep {
    pub(super) store: RedisStore,
    client: Client,
}

/// All that a store holds, at one moment.
pub(super) enum Image {
    Memory(partition::Image),
    Redis(Vec<Option<Vec<u8>>>),
}

/// What the protocol has counted: epoch, clock and floor, and the tags.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Counted {
    pub(super) record: Option<[u64; 3]>,
    pub(super) tags: [Option<u64>; TAGS],
}

impl Keep {
    pub(super) fn memory() -> Self {
        let clock = Arc::new(AtomicU64::new(0));
        let taken = Clock::Set(Arc::clone(&clock));
        let store = Arc::new(MemoryStore::with_partitions(1, 1 << 20, taken));
        Self::Memory { store, clock }
    }

    /// On the shared server, in a namespace of its own; each script changed by `change`.
    pub(super) async fn redis(change: impl Fn(&'static str) -> String) -> Self {
        let server = testkit::redis().await;
        let namespace = Namespace::new(server.namespace()).unwrap();
        let scripts = Scripts::from_sources(|source| Script::write(with_clock(&change(source))));
        let store = RedisStore::with_scripts(connect(server.url()).await, &namespace, 1, scripts);
        let client = server.client().await;
        Self::Redis(Box::new(RedisKeep { store, client }))
    }

    pub(super) fn store(&self) -> Store {
        match self {
            Self::Memory { store, .. } => Store::Memory(Arc::clone(store)),
            Self::Redis(keep) => Store::Redis(keep.store.clone()),
        }
    }

    pub(super) async fn set_clock(&mut self, now: u64) {
        match self {
            Self::Memory { clock, .. } => clock.store(now, Ordering::SeqCst),
            Self::Redis(keep) => {
                let name = [&keep.name(Target::Record)[..], b":clock"].concat();
                let now = now.to_string();
                keep.client
                    .command(&[b"SET", &name, now.as_bytes(), b"PX", b"600000"])
                    .await;
            }
        }
    }

    pub(super) async fn evict(&mut self, target: Target) {
        match self {
            Self::Memory { store, .. } => {
                let mut partition = store.only_partition();
                match target {
                    Target::Record => partition.evict_record(),
                    Target::Tag(number) => partition.evict_tag(tag(number).id()),
                    Target::Lease(number) => partition.evict_lease(&key(number)),
                    Target::Entry(number) => partition.evict_entry(&key(number)),
                }
            }
            Self::Redis(keep) => {
                let name = keep.name(target);
                keep.client.command(&[b"DEL", &name]).await;
            }
        }
    }

    pub(super) async fn image(&mut self) -> Image {
        match self {
            Self::Memory { store, .. } => Image::Memory(store.only_partition().image()),
            Self::Redis(keep) => Image::Redis(keep.values().await),
        }
    }

    /// What a failover or a restart does: the store is as it was then.
    pub(super) async fn restore(&mut self, image: &Image) {
        match (self, image) {
            (Self::Memory { store, .. }, Image::Memory(image)) => {
                store.only_partition().restore(image);
            }
            (Self::Redis(keep), Image::Redis(values)) => keep.restore(values).await,
            _ => unreachable!("an image is restored where it was taken"),
        }
    }

    pub(super) async fn counted(&mut self) -> Counted {
        match self {
            Self::Memory { store, .. } => {
                let partition = store.only_partition();
                Counted {
                    record: partition.counters(),
                    tags: std::array::from_fn(|number| partition.tag_value(tag(number).id())),
                }
            }
            Self::Redis(keep) => {
                let values = keep.values().await;
                let text = |value: &Option<Vec<u8>>| {
                    value
                        .as_ref()
                        .map(|value| String::from_utf8_lossy(value).into_owned())
                };
                let record = text(&values[0]).map(|record| {
                    let mut numbers = record.split(' ').skip(1).map(|n| n.parse().unwrap());
                    std::array::from_fn(|_| numbers.next().unwrap())
                });
                Counted {
                    record,
                    tags: std::array::from_fn(|n| text(&values[1 + n]).map(|n| n.parse().unwrap())),
                }
            }
        }
    }
}

impl RedisKeep {
    /// The name of a key in Redis.
    fn name(&self, target: Target) -> Vec<u8> {
        let place = |number| self.store.place(&key(number));
        let name = match target {
            Target::Record => place(0).partition.record(),
            Target::Tag(number) => place(0).partition.tag(tag(number).id()),
            Target::Lease(number) => place(number).lease(),
            Target::Entry(number) => place(number).entry(),
        };
        name.as_bytes().to_vec()
    }

    fn names(&self) -> Vec<Vec<u8>> {
        let tags = (0..TAGS).map(Target::Tag);
        let leases = (0..KEYS).map(Target::Lease);
        let entries = (0..KEYS).map(Target::Entry);
        let all = std::iter::once(Target::Record)
            .chain(tags)
            .chain(leases)
            .chain(entries);
        all.map(|target| self.name(target)).collect()
    }

    async fn values(&mut self) -> Vec<Option<Vec<u8>>> {
        let names = self.names();
        let mut command: Vec<&[u8]> = vec![b"MGET"];
        command.extend(names.iter().map(Vec::as_slice));
        let reply = self.client.command(&command).await;
        let values = reply.array().iter();
        values
            .map(|value| (!value.is_nil()).then(|| value.text_bytes()))
            .collect()
    }

    async fn restore(&mut self, values: &[Option<Vec<u8>>]) {
        for (name, value) in self.names().iter().zip(values) {
            match value {
                // As short as a lease, which with a longer life would not count.
                Some(value) => {
                    self.client
                        .command(&[b"SET", name, value, b"PX", b"2000"])
                        .await
                }
                None => self.client.command(&[b"DEL", name]).await,
            };
        }
    }
}

/// For what is in a reply whatever it means.
trait Raw {
    fn text_bytes(&self) -> Vec<u8>;
}

impl Raw for testkit::resp::Reply {
    fn text_bytes(&self) -> Vec<u8> {
        match self {
            Self::Bulk(bytes) => bytes.clone(),
            other => panic!("no value: {other:?}"),
        }
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory { .. } => "memory",
            Self::Redis(_) => "redis",
        })
    }
}

/// The script with the clock that the test sets. `assert`, so that no script goes on with the server's.
fn with_clock(source: &str) -> String {
    let set = source.replace(
        "redis.call('TIME')",
        "{0, redis.call('GET', KEYS[1] .. ':clock')}",
    );
    assert_eq!(source.contains("local now"), source != set, "{source}");
    set
}

pub(super) async fn connect(url: &str) -> Redis {
    // No time is measured here, and the machine may be busy.
    connect_with(url, "command_timeout=5s&stall_age=5s").await
}

pub(super) async fn connect_with(url: &str, settings: &str) -> Redis {
    let manager = ConnectionManager::open(&format!("{url}?{settings}")).unwrap();
    manager.connected(Duration::from_secs(10)).await.unwrap();
    match manager.attach(&Profile::CACHE) {
        Backend::Redis(redis) => redis,
        Backend::Memory(_) => unreachable!("the url names a server"),
    }
}

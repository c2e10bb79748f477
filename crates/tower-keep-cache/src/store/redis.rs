use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::time::Instant;
use tower_keep_core::{
    Namespace,
    connection::{CommandError, Key, Redis, Script, Value},
};

use super::{
    answer::{Begin, Elsewhere, Lease, Lookup, MissCause, Onto, Poll, RefusedCause, Stored},
    judge::{Reading, Verdict},
    names::{Names, PartitionNames, Place},
    record::{Incarnation, Nonce},
    remembered::Remembered,
    scripts::Scripts,
};
use crate::{
    entry::{Entry, Envelope},
    key::EntryKey,
    tag::{Tag, TagId},
};

/// The store of one namespace in Redis.
#[derive(Clone, Debug)]
pub(crate) struct RedisStore {
    redis: Redis,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    names: Names,
    scripts: Scripts,
    remembered: Remembered,
}

/// How long a new tag lasts if nothing is stored with it: longer than a fill takes.
const TAG: Duration = Duration::from_secs(600);

/// How long the record lasts at least when nothing happens in its partition. Losing it costs every entry,
/// so longer than a quiet weekend.
const RECORD: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// By how much a tag outlives its entries, and the record its tags.
const MARGIN: Duration = Duration::from_secs(60);

/// In a cluster an invalidation reaches the partitions one after the other. Within this time of each other, or it has
/// not succeeded: longer than one call may take by default, and short, because nothing is stored under the tags for
/// that long.
const SPREAD: Duration = Duration::from_millis(100);

/// By how much the clocks of two nodes may run apart during the spread, amply.
const DRIFT: Duration = Duration::from_millis(10);

/// So often an invalidation is sent again that took longer than the spread.
const ROUNDS: usize = 3;

/// The most tags in one call of `invalidate.lua`: it keeps the server busy for less than a millisecond.
const TAGS_PER_CALL: usize = 256;

impl RedisStore {
    /// In a cluster a namespace is spread over so many hash slots, and with them over the nodes. More of
    /// them make `invalidate`, which goes to all, dearer.
    const PARTITIONS_IN_A_CLUSTER: u16 = 16;

    pub(crate) fn new(redis: Redis, namespace: &Namespace) -> Self {
        let partitions = match redis.is_cluster() {
            true => Self::PARTITIONS_IN_A_CLUSTER,
            false => 1,
        };
        Self::with_scripts(redis, namespace, partitions, Scripts::new())
    }

    pub(super) fn with_scripts(
        redis: Redis,
        namespace: &Namespace,
        partitions: u16,
        scripts: Scripts,
    ) -> Self {
        let names = Names::new(namespace, partitions);
        let remembered = Remembered::default();
        Self {
            redis,
            shared: Arc::new(Shared {
                names,
                scripts,
                remembered,
            }),
        }
    }

    /// One `MGET`. A second one, of everything again, only where the entry has tags that nobody expected
    /// and nobody remembered.
    pub(crate) async fn lookup(
        &self,
        key: &EntryKey,
        expected: &[Tag],
    ) -> Result<Lookup, CommandError> {
        let remembered = self.shared.remembered.tags(key);
        let is_new = remembered.is_none();
        let asked = remembered.unwrap_or_else(|| ids(expected));
        let place = self.place(key);
        match self.read(&place, asked).await?.judge() {
            Verdict::Servable(found) => {
                if is_new && !found.tags.is_empty() {
                    self.shared.remembered.remember(key, &found.tags);
                }
                Ok(Lookup::Hit(found))
            }
            Verdict::Miss(cause) => Ok(Lookup::Miss(cause)),
            // Boxed, so that who needs one reading does not carry the room for two.
            Verdict::Unexpected { tags } => Box::pin(self.read_again(key, &place, tags)).await,
        }
    }

    pub(crate) async fn poll(
        &self,
        key: &EntryKey,
        expected: &[TagId],
    ) -> Result<Poll, CommandError> {
        let place = self.place(key);
        let (reading, lease) = self.read_with_lease(&place, expected.into()).await?;
        let held = lease.is_some_and(|lease| reading.is_good(&lease));
        let found = match reading.judge() {
            Verdict::Servable(found) => Lookup::Hit(found),
            Verdict::Miss(cause) => Lookup::Miss(cause),
            Verdict::Unexpected { tags } => self.read_again(key, &place, tags).await?,
        };
        Ok(Poll { found, held })
    }

    pub(crate) async fn begin_fill(
        &self,
        key: &EntryKey,
        expected: &[TagId],
    ) -> Result<Begin, CommandError> {
        let place = self.place(key);
        let nonce = nonce()?;
        let mut keys = vec![place.partition.record(), place.lease()];
        keys.extend(expected.iter().map(|&tag| place.partition.tag(tag)));
        let args = vec![
            Bytes::copy_from_slice(nonce.as_bytes()),
            millis(Lease::TTL),
            millis(TAG),
            millis(RECORD),
        ];
        let answer = self
            .redis
            .script(&self.shared.scripts.begin_fill, keys, args)
            .await;
        if answer.as_ref().is_err_and(CommandError::may_have_run) {
            self.give_back(key.clone(), nonce);
        }
        let mut answer = answer?.into_array()?.into_iter();
        let mut next = || answer.next().unwrap_or(Value::Nil);
        Ok(match next().into_integer()? {
            1 => Begin::Lease(Lease {
                incarnation: incarnation(next())?,
                token: number(next())?,
                nonce,
            }),
            2 => Begin::Held {
                remaining: Duration::from_millis(number(next())?),
            },
            3 => Begin::NoStoreUntil(Duration::from_micros(number(next())?)),
            other => return Err(unexpected(other)),
        })
    }

    pub(crate) async fn renew(&self, key: &EntryKey, lease: &Lease) -> Result<bool, CommandError> {
        let args = vec![lease.to_bytes(), millis(Lease::TTL)];
        let renewed = self
            .with_lease(&self.shared.scripts.renew, key, args)
            .await?;
        Ok(renewed == 1)
    }

    pub(crate) async fn store(
        &self,
        key: &EntryKey,
        lease: &Lease,
        tags: &[TagId],
        entry: &Entry,
        ttl: Duration,
        onto: Onto<'_>,
    ) -> Result<Stored, CommandError> {
        if tags.len() > Envelope::MAX_TAGS {
            self.release(key, lease).await?;
            return Ok(Stored::Refused(RefusedCause::TooManyTags));
        }
        let filled = self.place(key);
        let place = match onto {
            Onto::Anything | Onto::Head(_) => filled,
            Onto::Elsewhere(elsewhere) => self.place(&elsewhere.key),
        };
        let mut keys = vec![place.partition.record(), filled.lease(), place.entry()];
        keys.extend(tags.iter().map(|&tag| place.partition.tag(tag)));
        let encode = match onto {
            Onto::Anything | Onto::Elsewhere(_) => Envelope::encode,
            Onto::Head(_) => Envelope::encode_head,
        };
        let mut args = vec![
            Bytes::copy_from_slice(lease.incarnation.as_bytes()),
            lease.token.to_string().into(),
            Bytes::copy_from_slice(lease.nonce.as_bytes()),
            encode(entry, tags, &lease.incarnation, lease.token, &place.digest),
            millis(ttl.max(Duration::from_millis(1))),
            millis(ttl + MARGIN),
            millis(RECORD.max(ttl + 2 * MARGIN)),
        ];
        args.push(match onto {
            Onto::Anything | Onto::Elsewhere(_) => Bytes::new(),
            Onto::Head(of) => of.to_bytes(),
        });
        if let Onto::Elsewhere(Elsewhere {
            variants: Some((page, variants)),
            ..
        }) = onto
        {
            let page = self.place(page);
            keys.push(page.entry());
            let (incarnation, stamp) = (&lease.incarnation, lease.token);
            args.push(Envelope::encode(
                variants,
                &[],
                incarnation,
                stamp,
                &page.digest,
            ));
        }
        let answer = self
            .redis
            .script(&self.shared.scripts.store, keys, args)
            .await?;
        Ok(match answer.into_integer()? {
            1 => {
                // Who reads it next need not find out which they are.
                self.shared.remembered.remember(key, &tags.into());
                Stored::Stored
            }
            2 => Stored::Refused(RefusedCause::LeaseLost),
            3 => Stored::Refused(RefusedCause::OtherIncarnation),
            4 => Stored::Refused(RefusedCause::FutureToken),
            5 => Stored::Refused(RefusedCause::Invalidated),
            6 => Stored::Refused(RefusedCause::Replaced),
            other => return Err(unexpected(other)),
        })
    }

    pub(crate) async fn release(&self, key: &EntryKey, lease: &Lease) -> Result<(), CommandError> {
        self.release_nonce(key, &lease.nonce).await
    }

    async fn release_nonce(&self, key: &EntryKey, nonce: &Nonce) -> Result<(), CommandError> {
        let args = vec![Bytes::copy_from_slice(nonce.as_bytes())];
        self.with_lease(&self.shared.scripts.release, key, args)
            .await
            .map(drop)
    }

    /// A lease that may have been given, but nobody has heard of: everybody would wait for its end. It is sent behind
    /// what asked for the lease; the one who asked has waited for long enough.
    fn give_back(&self, key: EntryKey, nonce: Nonce) {
        let store = self.clone();
        tokio::spawn(async move { store.release_nonce(&key, &nonce).await });
    }

    /// In all partitions at once; done only when all of them have answered.
    pub(crate) async fn invalidate(
        &self,
        tags: &[TagId],
        hold: Duration,
    ) -> Result<(), CommandError> {
        let hold = hold.max(self.hold());
        let record = millis(RECORD.max(hold + MARGIN));
        let hold = micros(hold);
        // One call per partition in flight, however many tags there are: a manager has only so many places.
        for tags in tags.chunks(TAGS_PER_CALL) {
            let keys = |names: &PartitionNames| {
                let tags = tags.iter().map(|&tag| names.tag(tag));
                std::iter::once(names.record()).chain(tags).collect()
            };
            let args = [hold.clone(), record.clone()];
            self.everywhere(&self.shared.scripts.invalidate, keys, &args)
                .await?;
        }
        Ok(())
    }

    pub(crate) async fn flush(&self) -> Result<(), CommandError> {
        let keys = |names: &PartitionNames| vec![names.record()];
        let args = [millis(RECORD), micros(self.hold())];
        self.everywhere(&self.shared.scripts.flush, keys, &args)
            .await
    }

    /// For how long after a partition was told nothing is stored in it: until all the others have been told too.
    ///
    /// Else a fill could begin in a partition that was told already, use an entry of one that was not yet, and be stored
    /// as made after the invalidation.
    fn hold(&self) -> Duration {
        match self.shared.names.partitions().len() {
            1 => Duration::ZERO,
            _ => SPREAD + DRIFT,
        }
    }

    /// Tells all partitions, within the spread if there are several.
    async fn everywhere(
        &self,
        script: &Script,
        keys: impl Fn(&PartitionNames) -> Vec<Key>,
        args: &[Bytes],
    ) -> Result<(), CommandError> {
        for _ in 0..ROUNDS {
            let began = Instant::now();
            self.tell(script, &keys, args).await?;
            if self.hold().is_zero() || began.elapsed() <= SPREAD {
                return Ok(());
            }
        }
        Err(CommandError::Deadline)
    }

    /// Sends the call of each partition before it waits for the first, with a nonce in front of the arguments.
    async fn tell(
        &self,
        script: &Script,
        keys: &impl Fn(&PartitionNames) -> Vec<Key>,
        args: &[Bytes],
    ) -> Result<(), CommandError> {
        let nonce = nonce()?;
        let mut all = vec![Bytes::copy_from_slice(nonce.as_bytes())];
        all.extend_from_slice(args);
        let partitions = self.shared.names.partitions().iter();
        let calls = partitions.map(|names| self.redis.script(script, keys(names), all.clone()));
        // Not `try_join_all`: the others go on when one fails, as they would anyway on the server.
        join_all(calls)
            .await
            .into_iter()
            .try_for_each(|answer| answer.map(drop))
    }

    /// The second reading, of everything, for an entry with tags that the first one did not ask for.
    async fn read_again(
        &self,
        key: &EntryKey,
        place: &Place<'_>,
        tags: Arc<[TagId]>,
    ) -> Result<Lookup, CommandError> {
        self.shared.remembered.remember(key, &tags);
        Ok(match self.read(place, tags).await?.judge() {
            Verdict::Servable(found) => Lookup::Hit(found),
            Verdict::Miss(cause) => Lookup::Miss(cause),
            Verdict::Unexpected { tags } => {
                self.shared.remembered.remember(key, &tags);
                Lookup::Miss(MissCause::TagsMoved)
            }
        })
    }

    pub(super) fn place(&self, key: &EntryKey) -> Place<'_> {
        self.shared.names.place(key)
    }

    pub(super) async fn read(
        &self,
        place: &Place<'_>,
        asked: Arc<[TagId]>,
    ) -> Result<Reading, CommandError> {
        let values = self.redis.mget(place.reading(&asked)).await?;
        Ok(Reading {
            key: place.digest,
            asked,
            values,
        })
    }

    async fn read_with_lease(
        &self,
        place: &Place<'_>,
        asked: Arc<[TagId]>,
    ) -> Result<(Reading, Option<Bytes>), CommandError> {
        let mut keys = place.reading(&asked);
        keys.push(place.lease());
        let mut values = self.redis.mget(keys).await?;
        let lease = values.pop().flatten();
        let reading = Reading {
            key: place.digest,
            asked,
            values,
        };
        Ok((reading, lease))
    }

    async fn with_lease(
        &self,
        script: &Script,
        key: &EntryKey,
        args: Vec<Bytes>,
    ) -> Result<i64, CommandError> {
        let lease = self.place(key).lease();
        self.redis
            .script(script, vec![lease], args)
            .await?
            .into_integer()
    }
}

fn nonce() -> Result<Nonce, CommandError> {
    let mut bits = [0; 16];
    match getrandom::fill(&mut bits) {
        Ok(()) => Ok(Nonce::new(u128::from_ne_bytes(bits))),
        Err(why) => Err(CommandError::Other(
            format!("no random numbers: {why}").into(),
        )),
    }
}

/// Without an allocation where there are none.
fn ids(tags: &[Tag]) -> Arc<[TagId]> {
    match tags {
        [] => Arc::default(),
        tags => tags.iter().map(Tag::id).collect(),
    }
}

/// Rounded up, as zero is no lifetime.
fn millis(duration: Duration) -> Bytes {
    duration.as_micros().div_ceil(1000).to_string().into()
}

fn micros(duration: Duration) -> Bytes {
    duration.as_micros().to_string().into()
}

fn number(value: Value) -> Result<u64, CommandError> {
    let number = value.into_integer()?;
    u64::try_from(number).map_err(|_| unexpected(number))
}

fn incarnation(value: Value) -> Result<Incarnation, CommandError> {
    let bytes = value.into_bytes()?.unwrap_or_default();
    let bytes: Result<[u8; 16], _> = bytes.as_ref().try_into();
    let incarnation = bytes.map_err(|_| CommandError::Other("no incarnation".into()))?;
    Ok(incarnation.into())
}

fn unexpected(answer: i64) -> CommandError {
    CommandError::Other(format!("a script answered {answer}").into())
}

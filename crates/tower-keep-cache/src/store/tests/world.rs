//! The world around a store: rows that change, fills that read them, writers that invalidate, readers,
//! and what goes wrong. One step at a time, in any order; after each one, what was promised is checked.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{
    keep::{Image, KEYS, Keep, OWN, TAGS, Target, ids, key, tags},
    rows::{Seen, content, packed, unpacked},
    step::{Broken, Client, FILLERS, Op, Promise, READERS},
};
use crate::{
    entry::Entry,
    store::{
        Begin, Found, Lease, Lookup, RefusedCause, Stored,
        judge::{Reading, Verdict},
    },
    tag::TagId,
};

pub(super) struct World {
    pub(super) keep: Keep,
    client: Client,
    promises: &'static [Promise],
    /// How often anything was had: a search in which nothing was has shown nothing.
    served: Arc<AtomicU64>,
    now: u64,
    /// The version of each row.
    rows: [u8; TAGS],
    history: History,
    snapshot: Option<(Image, History)>,
    fillers: [Option<Fill>; FILLERS],
    /// What each filler has found before its fill.
    found: [Option<Seen>; FILLERS],
    readers: [Option<Second>; READERS],
    fills: u64,
    /// Something has happened that may make tags lie in the future.
    held: bool,
}

/// What this server has heard of, as opposed to one that it replaced.
#[derive(Clone, Debug, Default)]
struct History {
    /// Up to which version each row was invalidated.
    applied: [u8; TAGS],
    holders: [Option<Holder>; KEYS],
}

#[derive(Clone, Debug)]
struct Holder {
    fill: u64,
    /// The tags that were invalidated since.
    overtaken: u8,
    /// Everything was.
    void: bool,
}

#[derive(Debug)]
struct Fill {
    number: u64,
    key: usize,
    expected: u8,
    lease: Lease,
    loaded: Option<[u8; TAGS]>,
    /// What was found is still good.
    renewed: Option<Seen>,
    /// Whether anything happened that may cost it its store.
    disturbed: bool,
}

#[derive(Debug)]
struct Second {
    key: usize,
    applied: [u8; TAGS],
    first: Reading,
    tags: Arc<[TagId]>,
}

const EVERY_TAG: u8 = (1 << TAGS) - 1;

impl World {
    pub(super) async fn new(mut keep: Keep, client: Client) -> Self {
        // Late enough that the clock can be stepped back.
        let now = 1_000_000;
        keep.set_clock(now).await;
        Self {
            keep,
            client,
            promises: &Promise::ALL,
            served: Arc::default(),
            now,
            rows: [0; TAGS],
            history: History::default(),
            snapshot: None,
            fillers: [const { None }; FILLERS],
            found: [const { None }; FILLERS],
            readers: [const { None }; READERS],
            fills: 0,
            held: false,
        }
    }

    /// Does these steps, and then looks whether anything stale is left.
    ///
    /// # Errors
    ///
    /// What was promised and not kept.
    pub(super) async fn run(&mut self, ops: &[Op]) -> Result<(), Broken> {
        let start = Instant::now();
        let mut outcome = Ok(());
        for op in ops {
            let step = self.step(op).await;
            outcome = self.insist(step);
            if outcome.is_err() {
                break;
            }
        }
        if outcome.is_ok() {
            outcome = self.insist(self.look().await);
        }
        // Leases end by the server's clock: on a machine that took so long, anything may have happened.
        if start.elapsed() > Lease::TTL / 2 {
            Ok(())
        } else {
            outcome
        }
    }

    /// Looks at one promise only.
    pub(super) fn insisting_on(mut self, promise: &'static [Promise]) -> Self {
        self.promises = promise;
        self
    }

    pub(super) fn counting(mut self, served: &Arc<AtomicU64>) -> Self {
        self.served = Arc::clone(served);
        self
    }

    fn insist(&self, outcome: Result<(), Broken>) -> Result<(), Broken> {
        outcome.or_else(|broken| match self.promises.contains(&broken.0) {
            true => Err(broken),
            false => Ok(()),
        })
    }

    async fn step(&mut self, op: &Op) -> Result<(), Broken> {
        match *op {
            Op::Begin {
                filler,
                key,
                expected,
            } => self.begin(filler, key, expected).await?,
            Op::Look { filler, key } => self.find(filler, key).await,
            Op::Load { filler } => {
                if let Some(fill) = &mut self.fillers[filler] {
                    fill.loaded = Some(self.rows);
                    let found = self.found[filler].take();
                    fill.renewed = found.filter(|seen| seen.is_good(fill.key, self.rows));
                }
            }
            Op::Renew { filler } => self.renew(filler).await?,
            Op::Store { filler } => self.store(filler).await?,
            Op::Release { filler } => {
                if let Some(fill) = self.fillers[filler].take() {
                    self.leave(&fill);
                    let store = self.keep.store();
                    store.release(&key(fill.key), fill.lease).await.unwrap();
                }
            }
            Op::Abandon { filler } => self.fillers[filler] = None,
            Op::Commit { tag } => self.rows[tag] += 1,
            Op::Invalidate { tag, hold } => {
                let hold = Duration::from_micros(hold);
                self.held |= !hold.is_zero();
                self.keep
                    .store()
                    .invalidate(&ids(1 << tag), hold)
                    .await
                    .unwrap();
                self.history.applied[tag] = self.rows[tag];
                self.overtake(1 << tag);
            }
            Op::Flush => self.flush().await,
            Op::Read {
                reader,
                key,
                expected,
            } => self.read(reader, key, expected).await?,
            Op::ReadOn { reader } => self.read_on(reader).await?,
            Op::Evict(target) => self.evict(target).await,
            Op::Clock(step) => {
                self.now = self.now.saturating_add_signed(step);
                self.keep.set_clock(self.now).await;
            }
            Op::Snapshot => {
                self.snapshot = Some((self.keep.image().await, self.history.clone()));
            }
            Op::Restore { noticed } => {
                if let Some((image, history)) = &self.snapshot {
                    self.keep.restore(image).await;
                    self.history = history.clone();
                    self.disturb(|_| true);
                    if noticed {
                        self.flush().await;
                    }
                }
            }
        }
        Ok(())
    }

    async fn begin(&mut self, filler: usize, number: usize, expected: u8) -> Result<(), Broken> {
        if self.fillers[filler].is_some() {
            return Ok(());
        }
        let begun = self
            .keep
            .store()
            .begin_fill(&key(number), &ids(expected))
            .await
            .unwrap();
        match begun {
            Begin::Lease(lease) => {
                self.fills += 1;
                let fill = self.fills;
                // Whoever had it has lost it.
                self.disturb(|other| other.key == number);
                self.history.holders[number] = Some(Holder {
                    fill,
                    overtaken: 0,
                    void: false,
                });
                self.fillers[filler] = Some(Fill {
                    number: fill,
                    key: number,
                    expected,
                    lease,
                    loaded: None,
                    renewed: None,
                    // One of its tags may lie in the future, and be none that it expects.
                    disturbed: self.held,
                });
                Ok(())
            }
            Begin::Held { .. } => match &self.history.holders[number] {
                None => Err(Broken(Promise::NoVainWait, "nobody has the lease".into())),
                Some(holder) if holder.void || holder.overtaken & expected != 0 => Err(Broken(
                    Promise::NoVainWait,
                    "an invalidation has overtaken the lease".into(),
                )),
                Some(_) => Ok(()),
            },
            Begin::NoStoreUntil(_) if self.held => Ok(()),
            Begin::NoStoreUntil(_) => Err(Broken(Promise::Undisturbed, "it may not begin".into())),
        }
    }

    async fn find(&mut self, filler: usize, number: usize) {
        let found = self
            .keep
            .store()
            .lookup(&key(number), &tags(EVERY_TAG))
            .await;
        self.found[filler] = match found.unwrap() {
            Lookup::Hit(found) => Some(Seen { key: number, found }),
            Lookup::Miss(_) => None,
        };
    }

    async fn renew(&mut self, filler: usize) -> Result<(), Broken> {
        let Some(fill) = &self.fillers[filler] else {
            return Ok(());
        };
        let renewed = self
            .keep
            .store()
            .renew(&key(fill.key), &fill.lease)
            .await
            .unwrap();
        let holder = self.history.holders[fill.key].as_ref();
        let holds = holder.is_some_and(|holder| holder.fill == fill.number);
        match renewed {
            true if !holds => Err(Broken(Promise::Own, "renewed".into())),
            false if !fill.disturbed => {
                Err(Broken(Promise::Undisturbed, "it has lost its lease".into()))
            }
            _ => Ok(()),
        }
    }

    async fn store(&mut self, filler: usize) -> Result<(), Broken> {
        let Some(fill) = self.fillers[filler].take_if(|fill| fill.loaded.is_some()) else {
            return Ok(());
        };
        let versions = fill.loaded.unwrap_or_default();
        let renewed = fill.renewed.as_ref();
        let body = match renewed {
            None => Bytes::copy_from_slice(&versions),
            Some(seen) => seen.found.entry.body.clone(),
        };
        let life = Duration::from_secs(3600);
        // The head says of what versions it is.
        let entry = Entry::value(0, 0, body, packed(versions), life).into();
        let own: Vec<_> = OWN[fill.key]
            .iter()
            .flat_map(|&tag| ids(1 << tag))
            .collect();
        let store = self.keep.store();
        let lease = fill.lease.clone();
        let stored = store
            .store(
                &key(fill.key),
                lease,
                &own,
                &entry,
                life,
                renewed.map(|seen| seen.found.revision),
            )
            .await
            .unwrap();
        let holder = self.history.holders[fill.key].as_ref();
        let held = holder.is_some_and(|holder| holder.fill == fill.number);
        self.leave(&fill);
        match stored {
            Stored::Stored if !held => Err(Broken(Promise::Own, "stored".into())),
            Stored::Stored => self.look().await,
            // Evicted, or another one: it costs nobody but the one who wanted to spare the body.
            Stored::Refused(RefusedCause::Replaced) if renewed.is_some() => Ok(()),
            Stored::Refused(cause) if !fill.disturbed => {
                Err(Broken(Promise::Undisturbed, format!("refused: {cause:?}")))
            }
            Stored::Refused(_) => Ok(()),
        }
    }

    async fn read(&mut self, reader: usize, number: usize, expected: u8) -> Result<(), Broken> {
        let applied = self.history.applied;
        let Keep::Redis(keep) = &self.keep else {
            let found = self.keep.store().lookup(&key(number), &[]).await.unwrap();
            return self.judge(number, applied, found);
        };
        let place = keep.store.place(&key(number));
        let first = keep.store.read(&place, ids(expected).into()).await.unwrap();
        match first.clone().judge() {
            Verdict::Servable(Found { entry, .. }) => self.serve(number, applied, &entry),
            Verdict::Miss(_) => Ok(()),
            Verdict::Unexpected { tags } => {
                self.readers[reader] = Some(Second {
                    key: number,
                    applied,
                    first,
                    tags,
                });
                Ok(())
            }
        }
    }

    async fn read_on(&mut self, reader: usize) -> Result<(), Broken> {
        let (Keep::Redis(keep), Some(second)) = (&self.keep, self.readers[reader].take()) else {
            return Ok(());
        };
        let place = keep.store.place(&key(second.key));
        let reading = if self.client == Client::AllRules {
            keep.store.read(&place, second.tags).await.unwrap()
        } else {
            let known = |tag: &TagId| second.first.asked.contains(tag);
            let missing = second
                .tags
                .iter()
                .copied()
                .filter(|tag| !known(tag))
                .collect();
            let later = keep.store.read(&place, missing).await.unwrap();
            let asked = second.first.asked.iter().chain(later.asked.iter());
            let tags = &later.values[2..];
            Reading {
                key: place.digest,
                asked: asked.copied().collect(),
                values: [&*second.first.values, tags].concat(),
            }
        };
        match reading.judge() {
            Verdict::Servable(Found { entry, .. }) => {
                self.serve(second.key, second.applied, &entry)
            }
            _ => Ok(()),
        }
    }

    /// Whether anything that can be had now is older than an invalidation that this server has heard of.
    async fn look(&self) -> Result<(), Broken> {
        for number in 0..KEYS {
            let found = self
                .keep
                .store()
                .lookup(&key(number), &tags(EVERY_TAG))
                .await
                .unwrap();
            self.judge(number, self.history.applied, found)?;
        }
        Ok(())
    }

    fn judge(&self, number: usize, applied: [u8; TAGS], found: Lookup) -> Result<(), Broken> {
        match found {
            Lookup::Hit(Found { entry, .. }) => self.serve(number, applied, &entry),
            Lookup::Miss(_) => Ok(()),
        }
    }

    /// A read that started when `applied` was, is served with this entry now.
    fn serve(&self, number: usize, applied: [u8; TAGS], entry: &Entry) -> Result<(), Broken> {
        self.served.fetch_add(1, Ordering::Relaxed);
        for tag in OWN[number] {
            let least = applied[tag].min(self.history.applied[tag]);
            let version = unpacked(entry.stored_at)[tag];
            if content(entry.body[tag]) != content(version) {
                let how = format!(
                    "key {number} has another body than that of row {tag}, version {version}"
                );
                return Err(Broken(Promise::Fresh, how));
            }
            if version < least {
                let how = format!("key {number} has {version} of row {tag}, gone since {least}");
                return Err(Broken(Promise::Fresh, how));
            }
        }
        Ok(())
    }

    async fn flush(&mut self) {
        self.keep.store().flush().await.unwrap();
        self.history.applied = self.rows;
        self.void();
    }

    async fn evict(&mut self, target: Target) {
        self.keep.evict(target).await;
        match target {
            Target::Record => {
                // A new clock may be behind tags that the old one has moved.
                self.held = true;
                self.void();
            }
            Target::Tag(tag) => self.disturb(|fill| OWN[fill.key].contains(&tag)),
            Target::Lease(key) => {
                self.history.holders[key] = None;
                self.disturb(|fill| fill.key == key);
            }
            Target::Entry(_) => {}
        }
    }

    /// Everything was invalidated.
    fn void(&mut self) {
        for holder in self.history.holders.iter_mut().flatten() {
            holder.void = true;
        }
        self.disturb(|_| true);
    }

    /// The tags in `mask` were invalidated.
    fn overtake(&mut self, mask: u8) {
        for holder in self.history.holders.iter_mut().flatten() {
            holder.overtaken |= mask;
        }
        // A tag that the fill does not expect may be new, and is then made at the floor.
        self.disturb(|fill| {
            let own = OWN[fill.key].iter().fold(0, |own, &tag| own | 1 << tag);
            own & mask != 0 || own & !fill.expected != 0
        });
    }

    fn disturb(&mut self, whom: impl Fn(&Fill) -> bool) {
        for fill in self.fillers.iter_mut().flatten() {
            fill.disturbed |= whom(fill);
        }
    }

    fn leave(&mut self, fill: &Fill) {
        let holder = &mut self.history.holders[fill.key];
        if holder
            .as_ref()
            .is_some_and(|holder| holder.fill == fill.number)
        {
            *holder = None;
        }
    }
}

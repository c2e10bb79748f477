//! Finds out in the background what the server can do. No user's request is ever used for that.

use std::{
    str,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use bytes::Bytes;
use fred::types::Resp3Frame;
use tokio::time::{Instant, sleep};

use super::{
    carrier::Answer,
    clock::ServerClock,
    command::Command,
    core::Core,
    health::{Cause, Class, ClassHealth},
    incarnation::{Incarnation, field},
    redirect::Redirection,
    reply::{self, Unfit},
    script::Script,
    telemetry,
    value::Value,
};

const PROBE_TTL_MS: &str = "60000";

/// Between probes of a class that is down: often at first, because most outages are short.
const FIRST_DELAY: Duration = Duration::from_millis(10);
const LAST_DELAY: Duration = Duration::from_millis(500);
/// After a connection was made the first probe may come too early by a hair.
const EAGER_DELAY: Duration = Duration::from_millis(1);
/// So many rounds without a reply shut the gates. One may be the fault of a busy runtime on this side.
const UNHEARD_IN_A_ROW: u32 = 2;
/// How long a server must have been read-only before the connection is replaced.
const DEMOTED_FOR: Duration = Duration::from_secs(5);

pub(super) fn spawn(core: &Arc<Core>) {
    let core = Arc::clone(core);
    core.runtime.clone().spawn(async move {
        tokio::select! {
            () = core.closed() => {}
            () = Prober::new(Arc::clone(&core)).run() => {}
        }
    });
}

struct Prober {
    core: Arc<Core>,
    script: Script,
    delay: Duration,
    /// Rounds in a row in which a probe had no reply.
    unheard: u32,
    /// The connection that was probed last.
    generation: u64,
    clock: ServerClock,
    /// For which kinds of handles it was looked whether the server may evict what they keep.
    eviction_checked: Vec<&'static str>,
    read_only_since: Option<Instant>,
}

/// What a reply to a probe says.
enum Finding {
    Well,
    Unwell(Unfit, Cause),
}

impl Prober {
    fn new(core: Arc<Core>) -> Self {
        Self {
            core,
            script: Script::write(include_str!("probe.lua")),
            delay: FIRST_DELAY,
            unheard: 0,
            generation: 0,
            clock: ServerClock::default(),
            eviction_checked: Vec::new(),
            read_only_since: None,
        }
    }

    async fn run(mut self) {
        loop {
            let down = Class::ALL
                .iter()
                .any(|class| !self.core.gate(*class).is_up());
            let pause = match down {
                true => self.delay,
                false if self.unheard > 0 => EAGER_DELAY,
                false => self.core.limits.probe_interval(),
            };
            tokio::select! {
                () = sleep(pause) => self.delay = (self.delay * 2).min(LAST_DELAY),
                () = self.core.probe_now.notified() => self.delay = FIRST_DELAY,
            }
            self.round().await;
        }
    }

    async fn round(&mut self) {
        let turn = self.core.turn();
        let generation = self.core.generation.load(Ordering::Acquire);
        if generation == 0 {
            return;
        }
        let renewed = generation != self.generation;
        if renewed {
            self.clock = ServerClock::default();
            self.eviction_checked.clear();
        }
        let Some(findings) = self.examine().await else {
            if renewed {
                self.delay = EAGER_DELAY;
            }
            self.unheard += 1;
            if self.unheard >= UNHEARD_IN_A_ROW {
                self.core.trip_all(&Cause::Deadlines);
            }
            return;
        };
        self.unheard = 0;
        self.generation = generation;
        for (class, finding) in Class::ALL.into_iter().zip(findings) {
            self.conclude(class, finding, turn);
        }
        let keepers = self.core.limits.keepers();
        if self.eviction_checked != keepers {
            self.eviction_checked = keepers;
            self.check_eviction().await;
        }
        self.replace_a_demoted_server();
    }

    /// What was found for each class; `None` if one of the probes had no reply. Silence is the connection's and no
    /// class's: what is sent after a command that gets no answer gets none either.
    async fn examine(&mut self) -> Option<[Finding; 2]> {
        // First: who holds what the server may have lost must know before the gates open.
        if let Finding::Unwell(unfit, cause) = self.read_incarnation().await? {
            return Some([
                Finding::Unwell(unfit, cause.clone()),
                Finding::Unwell(unfit, cause),
            ]);
        }
        let reads = self.probe_reads().await?;
        let writes = self.probe_writes().await?;
        Some([reads, writes])
    }

    fn conclude(&self, class: Class, finding: Finding, turn: u64) {
        match finding {
            Finding::Well => self.core.restore(class, turn),
            Finding::Unwell(unfit, cause) => {
                for class in Class::ALL
                    .into_iter()
                    .filter(|class| unfit.includes(*class))
                {
                    self.core.trip(class, &cause);
                }
            }
        }
    }

    /// The server must answer, and answer this.
    async fn probe_reads(&self) -> Option<Finding> {
        let token = Bytes::from(format!("keep:{}", self.core.now().as_micros()));
        let ping = Command::read("PING").anywhere().arg(token.clone());
        let answer = self.core.probe(ping).await;
        if is_anothers(&answer, &token) {
            self.core.out_of_step();
            return None;
        }
        finding(&answer, Class::Read)
    }

    async fn probe_writes(&mut self) -> Option<Finding> {
        let (finding, sample) = probe_write(&self.core, &self.script).await;
        if let Some((sent, received, time)) = sample {
            let offset = self.clock.observe(sent, received, time);
            self.core.clock_offset.store(offset, Ordering::Relaxed);
        }
        finding
    }

    /// `None` if there was no answer.
    async fn read_incarnation(&self) -> Option<Finding> {
        let mut sections = Vec::with_capacity(2);
        for section in ["server", "replication"] {
            match self.info(section).await? {
                Ok(text) => sections.push(text),
                Err((unfit, cause)) => return Some(Finding::Unwell(unfit, cause)),
            }
        }
        let incarnation = Incarnation::read(&sections[0], &sections[1]);
        self.core.reincarnate(incarnation);
        Some(Finding::Well)
    }

    /// A section of `INFO`, empty if it is denied; `None` if there was no answer.
    async fn info(&self, section: &'static str) -> Option<Result<String, (Unfit, Cause)>> {
        let command = Command::read("INFO").anywhere().arg(section);
        Some(match self.core.probe(command).await.ok()? {
            Resp3Frame::BlobString { data, .. } => Ok(String::from_utf8_lossy(&data).into_owned()),
            Resp3Frame::SimpleError { data, .. } => match reply::unfit(&data) {
                Some(unwell) => Err(unwell),
                None => Ok(String::new()),
            },
            _ => Ok(String::new()),
        })
    }

    async fn check_eviction(&self) {
        let Some(Ok(memory)) = self.info("memory").await else {
            return;
        };
        match field(&memory, "maxmemory_policy") {
            Some(policy) if policy != "noeviction" => {
                telemetry::evicts(&self.core.server, policy, &self.eviction_checked);
            }
            _ => {}
        }
    }

    /// A server that became a replica may not close its connections, and the name may point elsewhere by now.
    fn replace_a_demoted_server(&mut self) {
        let demoted = matches!(
            &self.core.health.borrow().write,
            ClassHealth::Down { cause: Cause::ReadOnly(reply) } if reply.starts_with("READONLY")
        );
        match (demoted, self.read_only_since) {
            (false, _) => self.read_only_since = None,
            (true, None) => self.read_only_since = Some(Instant::now()),
            (true, Some(since)) if since.elapsed() >= DEMOTED_FOR => {
                self.read_only_since = Some(Instant::now());
                self.core.reconnect();
            }
            (true, Some(_)) => {}
        }
    }
}

/// What it found, and the server's clock with ours before and after.
async fn probe_write(
    core: &Arc<Core>,
    script: &Script,
) -> (Option<Finding>, Option<(u64, u64, u64)>) {
    let keys = [core.probe_key()];
    let ttl = [Bytes::from_static(PROBE_TTL_MS.as_bytes())];
    let call =
        |name, source: &Bytes| Command::script(Class::Write, name, source.clone(), &keys, &[&ttl]);
    let mut sent = core.now();
    let mut answer = core.probe(call("EVALSHA", &script.sha)).await;
    if matches!(&answer, Ok(Resp3Frame::SimpleError { data, .. }) if reply::is_missing_script(&reply::classify(data)))
    {
        sent = core.now();
        answer = core.probe(call("EVAL", &script.source)).await;
    }
    let received = core.now();
    let finding = finding(&answer, Class::Write);
    let error = match &answer {
        Ok(Resp3Frame::SimpleError { data, .. }) => Some(core.error_of(data)),
        _ => None,
    };
    core.denials.of_probe(error.as_ref());
    if let Some(error) = error {
        core.tell_denial(&error);
        // The key's slot has another master, or this one has become a replica.
        if Redirection::of(&error).is_some_and(|redirection| !redirection.asking) {
            core.doubt_the_map();
        }
    }
    let time = answer.ok().and_then(server_time);
    let sample = time.map(|time| (micros(sent), micros(received), time));
    (finding, sample)
}

/// What it says about a class of operations; `None` without a reply. Whether that is a stall or a lost connection is
/// found out elsewhere.
///
/// A server that cannot save says so to a `PING` too, and serves reads all the same.
fn finding(answer: &Answer, class: Class) -> Option<Finding> {
    match answer {
        Ok(Resp3Frame::SimpleError { data, .. }) => Some(match reply::unfit(data) {
            Some((unfit, cause)) if unfit.includes(class) => Finding::Unwell(unfit, cause),
            _ => Finding::Well,
        }),
        Ok(_) => Some(Finding::Well),
        Err(_) => None,
    }
}

/// Whether this is no reply to a `PING` with that token. An error may be one: a denial, or a server that loads.
fn is_anothers(answer: &Answer, token: &Bytes) -> bool {
    match answer {
        Ok(Resp3Frame::BlobString { data, .. }) => data != token,
        Ok(Resp3Frame::SimpleError { .. }) | Err(_) => false,
        Ok(_) => true,
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// `TIME` in microseconds.
fn server_time(frame: Resp3Frame) -> Option<u64> {
    let mut parts = Value::from_frame(frame)
        .into_array()
        .ok()?
        .into_iter()
        .map(|part| {
            let bytes = part.into_bytes().ok()??;
            str::from_utf8(&bytes).ok()?.parse::<u64>().ok()
        });
    let seconds = parts.next()??.checked_mul(1_000_000)?;
    seconds.checked_add(parts.next()??)
}

#[cfg(test)]
mod tests {
    use fred::types::Builder;
    use tokio::runtime::Handle;

    use super::*;
    use crate::connection::{
        limits::Limits,
        ties::{Part, Ties},
    };

    #[test]
    fn a_time_that_cannot_be_is_none() {
        let bulk = |text: &'static str| Resp3Frame::BlobString {
            data: Bytes::from_static(text.as_bytes()),
            attributes: None,
        };
        let time = |parts: &[&'static str]| {
            server_time(Resp3Frame::Array {
                data: parts.iter().map(|part| bulk(part)).collect(),
                attributes: None,
            })
        };
        assert_eq!(time(&["2", "500000"]), Some(2_500_000));
        for nonsense in [
            &["18446744073709551615", "0"][..],
            &["18446744073709", "999999999"],
            &["2"],
            &["x", "1"],
        ] {
            assert_eq!(time(nonsense), None, "{nonsense:?}");
        }
    }

    #[tokio::test]
    async fn one_round_without_a_reply_is_forgiven_and_two_are_not() {
        let client = Builder::default_centralized().build().unwrap();
        let ties = Ties::new(Limits::new(Default::default()));
        let core = Arc::new(Core::new(
            client,
            Handle::current(),
            "test".into(),
            ties,
            Part::Whole,
        ));
        core.connected();
        for class in Class::ALL {
            core.restore(class, core.turn());
        }
        // There is no server, so no probe is answered.
        let mut prober = Prober::new(Arc::clone(&core));
        prober.round().await;
        assert!(core.health.borrow().is_up());
        prober.round().await;
        assert!(!core.gate(Class::Read).is_up() && !core.gate(Class::Write).is_up());
    }
}

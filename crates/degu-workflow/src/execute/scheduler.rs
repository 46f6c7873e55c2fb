//! Which task runs when.

use std::{
    collections::BTreeSet,
    sync::{
        atomic::Ordering,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, Scope},
    time::{Duration, Instant},
};

use super::{
    Options, RunSummary, Runner, TaskError,
    work::{Outcome, Work},
};
use crate::{
    journal::{Level, Observer, StudyEvent},
    plan::Plan,
    store::{Attempt, Holder, Store},
};

/// Stack of a task's thread: deep graphs recurse.
const STACK: usize = 16 << 20;
/// How often the interrupt is looked at.
const POLL: Duration = Duration::from_millis(100);
/// Bytes of cached results whose digests are compared before a run; of what lies beyond, sizes are
/// compared now and digests when a task reads it.
const COMPARED: u64 = 256 << 20;
/// How often leases of other processes are looked at.
const LOOK_ELSEWHERE: Duration = Duration::from_millis(500);

/// Where a task stands in this run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Waits for inputs, or for a worker.
    Open,
    /// Another process has it.
    Elsewhere,
    Running,
    Finished,
    Cached,
    Failed,
    Blocked,
    Interrupted,
}

pub(super) struct Scheduler<'a> {
    pub(super) plan: &'a Plan,
    pub(super) store: &'a Store,
    runner: &'a (dyn Runner + Sync),
    pub(super) options: &'a Options,
    observer: &'a dyn Observer,
    pub(super) states: Vec<State>,
    /// Inputs of a task that are not there yet.
    pub(super) missing: Vec<usize>,
    /// Open tasks with all inputs, in plan order.
    pub(super) ready: BTreeSet<usize>,
    /// Ready tasks that another process works on; looked at again at every poll.
    pub(super) elsewhere: BTreeSet<usize>,
    looked: Instant,
    pub(super) running: BTreeSet<usize>,
    pub(super) attempts: Vec<u32>,
    pub(super) repairs: Vec<u32>,
    pub(super) stop: bool,
    pub(super) interrupted: bool,
    pub(super) summary: RunSummary,
}

type Done = (usize, Outcome);

impl<'a> Scheduler<'a> {
    pub(super) fn new(
        plan: &'a Plan,
        store: &'a Store,
        runner: &'a (dyn Runner + Sync),
        options: &'a Options,
        observer: &'a dyn Observer,
    ) -> Self {
        let count = plan.nodes().len();
        Self {
            plan,
            store,
            runner,
            options,
            observer,
            states: vec![State::Open; count],
            missing: vec![0; count],
            ready: BTreeSet::new(),
            elsewhere: BTreeSet::new(),
            looked: Instant::now(),
            running: BTreeSet::new(),
            attempts: vec![0; count],
            repairs: vec![0; count],
            stop: false,
            interrupted: false,
            summary: RunSummary::default(),
        }
    }

    pub(super) fn run(mut self) -> RunSummary {
        let start = Instant::now();
        let us = Holder::ours();
        self.tell(&StudyEvent::StudyStarted {
            study: self.options.study.clone(),
            host: us.host,
            pid: us.pid,
            version: self.options.version.clone(),
        });
        self.reconcile();
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| self.drive(scope, &sender, &receiver));
        self.finish(start.elapsed())
    }

    /// Compares the plan with the store.
    fn reconcile(&mut self) {
        let nodes = self.plan.nodes();
        self.store.remove_unfinished();
        let partials = self.store.partials().unwrap_or_default();
        let mut left = COMPARED;
        for (place, node) in nodes.iter().enumerate() {
            let found = self.store.get(&node.key).and_then(|found| {
                if let Some(artifact) = &found {
                    let bytes = artifact.manifest().bytes();
                    if bytes <= left {
                        left -= bytes;
                        artifact.check()?;
                    }
                }
                Ok(found)
            });
            match found {
                Ok(Some(_)) => {
                    self.states[place] = State::Cached;
                    // Left by a process that was killed right after it published; what cannot be
                    // removed now is an orphan for `gc`.
                    if partials.contains(&node.key.short()) {
                        let _ = self.store.partial(&node.key).remove();
                    }
                }
                Ok(None) => {}
                Err(error) if error.corrupt_key().is_some() => {
                    self.repair(place, &error.to_string());
                }
                Err(error) => self.fail(place, error.into()),
            }
        }
        let cached = self.states.iter().filter(|s| **s == State::Cached).count();
        self.tell(&StudyEvent::Planned {
            named: self.plan.named(),
            distinct: nodes.len(),
            cached,
            to_run: nodes.len() - cached,
        });
        for place in 0..nodes.len() {
            match self.states[place] {
                State::Cached => self.tell_cached(place),
                State::Failed => self.block_dependents(place),
                _ => {}
            }
        }
        self.count_missing();
    }

    /// Recomputes what is ready from the states of all tasks.
    pub(super) fn count_missing(&mut self) {
        self.ready.clear();
        for (place, node) in self.plan.nodes().iter().enumerate() {
            let inputs: BTreeSet<usize> = node.inputs.iter().copied().collect();
            let open = inputs.into_iter().filter(|&input| !self.is_there(input));
            self.missing[place] = open.count();
            if self.states[place] == State::Open && self.missing[place] == 0 {
                self.ready.insert(place);
            }
        }
    }

    fn is_there(&self, place: usize) -> bool {
        matches!(self.states[place], State::Finished | State::Cached)
    }

    fn drive<'s>(
        &mut self,
        scope: &'s Scope<'s, 'a>,
        sender: &Sender<Done>,
        receiver: &Receiver<Done>,
    ) where
        'a: 's,
    {
        loop {
            self.look_for_interrupt();
            if !self.stop {
                self.look_elsewhere();
                self.start_ready(scope, sender);
            }
            if self.running.is_empty()
                && (self.stop || (self.ready.is_empty() && self.elsewhere.is_empty()))
            {
                return;
            }
            match receiver.recv_timeout(POLL) {
                Ok((place, outcome)) => self.settle(place, outcome),
                // We hold a sender ourselves, so the channel stays open.
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    fn look_for_interrupt(&mut self) {
        if !self.interrupted && self.options.interrupt.load(Ordering::Relaxed) {
            self.interrupted = true;
            self.stop = true;
            let text = format!(
                "interrupted: {} running tasks save a checkpoint and end",
                self.running.len()
            );
            self.tell(&StudyEvent::Message {
                level: Level::Info,
                task: None,
                text,
            });
        }
    }

    /// Results that other processes published meanwhile, and leases that they gave up.
    fn look_elsewhere(&mut self) {
        if self.looked.elapsed() < LOOK_ELSEWHERE {
            return;
        }
        self.looked = Instant::now();
        for place in self.elsewhere.clone() {
            let key = &self.plan.nodes()[place].key;
            if self.store.contains(key) {
                self.elsewhere.remove(&place);
                self.arrive(place, State::Cached);
                self.tell_cached(place);
            } else if !matches!(self.store.live_lease(key), Ok(Some(_))) {
                self.elsewhere.remove(&place);
                self.states[place] = State::Open;
                if self.missing[place] == 0 {
                    self.ready.insert(place);
                }
            }
        }
    }

    fn start_ready<'s>(&mut self, scope: &'s Scope<'s, 'a>, sender: &Sender<Done>)
    where
        'a: 's,
    {
        while !self.stop && self.running.len() < self.options.jobs.max(1) {
            let Some(place) = self.ready.pop_first() else {
                return;
            };
            match self.store.lease(&self.plan.nodes()[place].key) {
                Ok(Attempt::Acquired(lease)) => {
                    self.states[place] = State::Running;
                    self.running.insert(place);
                    self.attempts[place] += 1;
                    let work = self.work(place);
                    let plan = self.plan;
                    let inputs = plan.nodes()[place].inputs.iter();
                    let inputs: Vec<_> = inputs.map(|&input| &plan.nodes()[input]).collect();
                    let done = sender.clone();
                    let started = thread::Builder::new()
                        .name(plan.nodes()[place].task.id.clone())
                        .stack_size(STACK)
                        .spawn_scoped(scope, move || {
                            // The receiver lives as long as any task runs.
                            let _ = done.send((place, work.run(&inputs, lease)));
                        });
                    if let Err(error) = started {
                        let error = TaskError::Transient(error.into());
                        self.settle(place, Outcome::Failed(error));
                    }
                }
                Ok(Attempt::Held { holder, .. }) => {
                    self.states[place] = State::Elsewhere;
                    self.elsewhere.insert(place);
                    self.tell(&StudyEvent::TaskWaiting {
                        task: self.id(place),
                        host: holder.host,
                        pid: holder.pid,
                    });
                }
                Err(error) => self.fail_and_block(place, error.into()),
            }
        }
    }

    fn work(&self, place: usize) -> Work<'a> {
        let node = &self.plan.nodes()[place];
        let share = self.options.threads / self.options.jobs.max(1);
        Work {
            node,
            store: self.store,
            runner: self.runner,
            options: self.options,
            observer: self.observer,
            threads: share.max(1),
            attempt: self.attempts[place],
        }
    }

    fn finish(mut self, elapsed: Duration) -> RunSummary {
        for (place, state) in self.states.iter().enumerate() {
            let id = self.id(place);
            match state {
                State::Finished => self.summary.finished.push(id),
                State::Cached => self.summary.cached.push(id),
                State::Interrupted => self.summary.interrupted.push(id),
                State::Open | State::Elsewhere => self.summary.not_started.push(id),
                State::Running | State::Failed | State::Blocked => {}
            }
        }
        let order = |name: &str| self.plan.position(name);
        self.summary
            .failed
            .sort_by_key(|failure| order(&failure.task));
        self.summary.blocked.sort_by_key(|(task, _)| order(task));
        self.summary.was_interrupted = self.interrupted;
        self.summary.seconds = elapsed.as_secs_f64();
        if self.interrupted {
            let running = self.summary.interrupted.clone();
            self.tell(&StudyEvent::Interrupted { running });
        }
        self.tell(&StudyEvent::StudyFinished {
            exit: self.summary.exit_code(),
            seconds: self.summary.seconds,
            finished: self.summary.finished.len(),
            cached: self.summary.cached.len(),
            failed: self.summary.failed.len(),
            blocked: self.summary.blocked.len(),
        });
        self.summary
    }

    pub(super) fn id(&self, place: usize) -> String {
        self.plan.nodes()[place].task.id.clone()
    }

    pub(super) fn tell(&self, event: &StudyEvent) {
        self.observer.observe(event);
    }

    pub(super) fn tell_cached(&self, place: usize) {
        self.tell(&StudyEvent::TaskCached {
            task: self.id(place),
            key: self.plan.nodes()[place].key.short(),
        });
    }
}

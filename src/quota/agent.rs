//! The store's thread: one connection, questions side by side, and another dial when it broke.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use redis::aio::MultiplexedConnection;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::script::{self, Scripts};
use super::{Target, dial};
use crate::clock::{self, Dice};
use crate::fork::{Lock, epoch};
use crate::throttle::{Answer, Spare, Want};

/// Questions that may wait for the thread; it hands each on at once.
const MOST: usize = 1024;
/// Between two dials while the store does not answer: it is in use again at most this long after it came back.
const REDIAL: Duration = Duration::from_millis(500);
/// After so long without a question nobody needs the store, and it is not dialled again until somebody does.
const IDLE: Duration = Duration::from_secs(60);

/// What the store is asked.
pub(super) enum Question {
    Reserve(String, Want, oneshot::Sender<Result<Answer, String>>),
    /// Of a bucket, or of one of its lanes.
    Block(String, Option<String>, Duration, oneshot::Sender<()>),
    GiveBack(String, Spare),
}

/// The way to the thread, which starts with the first question and again in the child of a fork.
pub(super) struct Agent {
    target: Arc<Target>,
    thread: Lock<Option<Thread>>,
}

struct Thread {
    inbox: mpsc::Sender<Question>,
    state: Arc<State>,
    epoch: u64,
}

/// Whether the store answers, and why not.
#[derive(Default)]
struct State {
    down: AtomicBool,
    reason: Lock<String>,
}

impl State {
    fn is_down(&self) -> bool {
        self.down.load(Ordering::Acquire)
    }

    fn reason(&self) -> String {
        self.reason.lock().clone()
    }

    fn fall(&self, reason: String) {
        *self.reason.lock() = reason;
        self.down.store(true, Ordering::Release);
    }

    fn rise(&self) {
        self.down.store(false, Ordering::Release);
    }
}

impl Agent {
    pub(super) fn new(target: Target) -> Self {
        Self { target: Arc::new(target), thread: Lock::new(None) }
    }

    /// Leaves a question.
    ///
    /// # Errors
    /// Why there will be no answer: the store is known to be down, or too many wait.
    pub(super) fn ask(&self, question: Question) -> Result<(), String> {
        let (inbox, state) = self.running()?;
        // Told even so: it keeps the thread looking for the store.
        inbox.try_send(question).map_err(|_| "too many questions wait".to_owned())?;
        if state.is_down() { Err(state.reason()) } else { Ok(()) }
    }

    fn running(&self) -> Result<(mpsc::Sender<Question>, Arc<State>), String> {
        let mut held = self.thread.lock();
        if let Some(thread) = held.as_ref().filter(|thread| thread.epoch == epoch() && !thread.inbox.is_closed()) {
            return Ok((thread.inbox.clone(), thread.state.clone()));
        }
        let (inbox, questions) = mpsc::channel(MOST);
        let (news, heard) = mpsc::channel(MOST);
        let state = Arc::<State>::default();
        let serving = Serving::new(self.target.clone(), state.clone(), news);
        thread::Builder::new()
            .name("botsec-store".to_owned())
            .spawn(move || {
                // Without a runtime every question stays unanswered, which is what a store that is down looks like.
                if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
                    runtime.block_on(serving.serve(questions, heard));
                }
            })
            .map_err(|_| "no thread for the store".to_owned())?;
        let old = held.replace(Thread { inbox: inbox.clone(), state: state.clone(), epoch: epoch() });
        drop(held);
        // The parent's channel belongs to its runtime.
        std::mem::forget(old);
        Ok((inbox, state))
    }
}

enum Step {
    Happened(Option<News>),
    Asked(Option<Question>),
}

/// What became of a connection, by its number.
enum News {
    /// A question over it stayed without an answer.
    Broke(u64, String),
    /// It takes longer than a question may.
    Late(u64),
    Dialed(u64, Result<MultiplexedConnection, String>),
}

struct Serving {
    target: Arc<Target>,
    scripts: Arc<Scripts>,
    process: Arc<str>,
    state: Arc<State>,
    news: mpsc::Sender<News>,
    link: Option<MultiplexedConnection>,
    number: u64,
    dialing: bool,
    dial_at: Instant,
    /// Questions that the first dial may still answer in time.
    early: Vec<Question>,
}

impl Serving {
    fn new(target: Arc<Target>, state: Arc<State>, news: mpsc::Sender<News>) -> Self {
        // A random name: process ids are equal in two containers.
        let process = format!("{:016x}", Dice::roll_new().bits()).into();
        let (link, number, dialing, dial_at, early) = (None, 0, false, clock::now(), Vec::new());
        Self { target, scripts: Arc::new(Scripts::new()), process, state, news, link, number, dialing, dial_at, early }
    }

    async fn serve(mut self, mut questions: mpsc::Receiver<Question>, mut news: mpsc::Receiver<News>) {
        let mut asked = clock::now();
        loop {
            let now = clock::now();
            let lost = self.link.is_none() && !self.dialing && self.state.is_down() && now.duration_since(asked) < IDLE;
            let step = {
                let (news, asked) = (pin!(news.recv()), pin!(questions.recv()));
                let next = pin!(select(news, asked));
                if lost {
                    timeout(self.dial_at.saturating_duration_since(now), next).await.ok()
                } else {
                    Some(next.await)
                }
                .map(|step| match step {
                    Either::Left((news, _)) => Step::Happened(news),
                    Either::Right((question, _)) => Step::Asked(question),
                })
            };
            match step {
                None => self.dial(),
                Some(Step::Happened(Some(news))) => self.hear(news),
                Some(Step::Asked(Some(question))) => {
                    asked = clock::now();
                    self.take(question);
                }
                Some(Step::Happened(None) | Step::Asked(None)) => return,
            }
        }
    }

    fn take(&mut self, question: Question) {
        if let Some(link) = self.link.clone() {
            return self.answer(question, link);
        }
        if !self.dialing && (!self.state.is_down() || self.dial_at <= clock::now()) {
            self.dial();
        }
        if self.state.is_down() || self.early.len() >= MOST {
            refuse(question, &self.state.reason());
        } else {
            self.early.push(question);
        }
    }

    /// Opens a connection in a task of its own.
    fn dial(&mut self) {
        (self.number, self.dialing) = (self.number + 1, true);
        let (target, scripts, news, number) =
            (self.target.clone(), self.scripts.clone(), self.news.clone(), self.number);
        // Who refuses calls without a store had rather wait for it, once.
        let first = number == 1 && self.target.is_needed;
        let patience = if first { dial::DIAL } else { self.target.deadline };
        drop(tokio::spawn(async move {
            let mut dialed = pin!(dial::dial(&target, &scripts));
            let result = match timeout(patience, dialed.as_mut()).await {
                Ok(result) => result,
                Err(_) => {
                    let _ = news.send(News::Late(number)).await;
                    dialed.await
                }
            };
            let _ = news.send(News::Dialed(number, result)).await;
        }));
    }

    fn hear(&mut self, news: News) {
        match news {
            News::Broke(number, reason) if number == self.number && self.link.is_some() => {
                self.link = None;
                self.fail(reason);
            }
            News::Late(number) if number == self.number => self.fail(dial::SILENT.to_owned()),
            News::Dialed(number, result) if number == self.number => {
                self.dialing = false;
                match result {
                    Err(reason) => self.fail(reason),
                    Ok(link) => {
                        self.state.rise();
                        for question in std::mem::take(&mut self.early) {
                            self.answer(question, link.clone());
                        }
                        self.link = Some(link);
                    }
                }
            }
            _ => {}
        }
    }

    fn fail(&mut self, reason: String) {
        self.dial_at = clock::now() + REDIAL;
        self.early.drain(..).for_each(|question| refuse(question, &reason));
        self.state.fall(reason);
    }

    /// Puts a question to the store in a task of its own.
    fn answer(&self, question: Question, mut link: MultiplexedConnection) {
        let (scripts, process, deadline) = (self.scripts.clone(), self.process.clone(), self.target.deadline);
        let (news, number) = (self.news.clone(), self.number);
        drop(tokio::spawn(async move {
            let done = match question {
                // Nobody waits for it any more: places would be taken for nobody.
                Question::Reserve(_, _, reply) if reply.is_closed() => Ok(()),
                Question::Reserve(bucket, want, reply) => {
                    let call = scripts.reserve(&bucket, &process, &want);
                    let answer = in_time(deadline, call.invoke_async::<redis::Value>(&mut link)).await;
                    let answer =
                        answer.and_then(|value| script::read(value).ok_or("an answer that is not ours".to_owned()));
                    let done = answer.as_ref().map(drop).map_err(String::clone);
                    let _ = reply.send(answer);
                    done
                }
                Question::Block(bucket, lane, wait, reply) => {
                    let call = match &lane {
                        None => scripts.block(&bucket, wait),
                        Some(lane) => scripts.block_lane(&bucket, lane, wait),
                    };
                    let done = in_time(deadline, call.invoke_async::<i64>(&mut link)).await.map(drop);
                    let _ = reply.send(());
                    done
                }
                Question::GiveBack(bucket, spare) => {
                    in_time(deadline, scripts.give_back(&bucket, &spare).invoke_async::<i64>(&mut link)).await.map(drop)
                }
            };
            if let Err(reason) = done {
                let _ = news.send(News::Broke(number, reason)).await;
            }
        }));
    }
}

async fn in_time<T>(deadline: Duration, call: impl Future<Output = redis::RedisResult<T>>) -> Result<T, String> {
    match timeout(deadline, call).await {
        Ok(result) => result.map_err(|error| dial::refused(&error)),
        Err(_) => Err(dial::SILENT.to_owned()),
    }
}

fn refuse(question: Question, reason: &str) {
    if let Question::Reserve(_, _, reply) = question {
        let _ = reply.send(Err(reason.to_owned()));
    }
}

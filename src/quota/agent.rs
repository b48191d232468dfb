//! The store's thread: one connection, questions side by side, and another dial when it broke.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use futures_util::future::{Either, select};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::runtime::Builder;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::script::{self, Scripts};
use super::{DEADLINE, Target};
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
    Block(String, Duration),
    GiveBack(String, Spare),
}

/// The way to the thread, which starts with the first question and again in the child of a fork.
pub(super) struct Agent {
    target: Arc<Target>,
    thread: Lock<Option<Thread>>,
}

struct Thread {
    inbox: mpsc::Sender<Question>,
    down: Arc<AtomicBool>,
    epoch: u64,
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
        let (inbox, down) = self.running()?;
        // Told even so: it keeps the thread looking for the store.
        inbox.try_send(question).map_err(|_| "too many questions wait".to_owned())?;
        if down.load(Ordering::Acquire) { Err("the store does not answer".to_owned()) } else { Ok(()) }
    }

    fn running(&self) -> Result<(mpsc::Sender<Question>, Arc<AtomicBool>), String> {
        let mut held = self.thread.lock();
        if let Some(thread) = held.as_ref().filter(|thread| thread.epoch == epoch() && !thread.inbox.is_closed()) {
            return Ok((thread.inbox.clone(), thread.down.clone()));
        }
        let (inbox, questions) = mpsc::channel(MOST);
        let down = Arc::new(AtomicBool::new(false));
        let serving = Serving::new(self.target.clone(), down.clone());
        thread::Builder::new()
            .name("botsec-store".to_owned())
            .spawn(move || {
                // Without a runtime every question stays unanswered, which is what a store that is down looks like.
                if let Ok(runtime) = Builder::new_current_thread().enable_all().build() {
                    runtime.block_on(serving.serve(questions));
                }
            })
            .map_err(|_| "no thread for the store".to_owned())?;
        let old = held.replace(Thread { inbox: inbox.clone(), down: down.clone(), epoch: epoch() });
        drop(held);
        // The parent's channel belongs to its runtime.
        std::mem::forget(old);
        Ok((inbox, down))
    }
}

enum Step {
    Broke(Option<u64>),
    Asked(Option<Question>),
}

struct Serving {
    target: Arc<Target>,
    scripts: Arc<Scripts>,
    process: Arc<str>,
    down: Arc<AtomicBool>,
}

impl Serving {
    fn new(target: Arc<Target>, down: Arc<AtomicBool>) -> Self {
        // A random name: process ids are equal in two containers.
        let process = format!("{:016x}", Dice::roll_new().bits()).into();
        Self { target, scripts: Arc::new(Scripts::new()), process, down }
    }

    async fn serve(self, mut questions: mpsc::Receiver<Question>) {
        let (broke, mut broken) = mpsc::channel::<u64>(MOST);
        let mut link: Option<MultiplexedConnection> = None;
        let mut generation = 0u64;
        let (mut asked, mut dial_at) = (clock::now(), clock::now());
        loop {
            let lost = link.is_none() && self.down.load(Ordering::Acquire) && clock::now().duration_since(asked) < IDLE;
            let step = {
                let (broke, asked) = (pin!(broken.recv()), pin!(questions.recv()));
                let next = pin!(select(broke, asked));
                if lost {
                    let left = dial_at.saturating_duration_since(clock::now());
                    timeout(left, next).await.ok()
                } else {
                    Some(next.await)
                }
                .map(|step| match step {
                    Either::Left((which, _)) => Step::Broke(which),
                    Either::Right((question, _)) => Step::Asked(question),
                })
            };
            match step {
                None => {
                    link = self.dial(&mut generation).await;
                    dial_at = clock::now() + REDIAL;
                }
                Some(Step::Broke(which)) => {
                    if which == Some(generation) {
                        self.down.store(true, Ordering::Release);
                        link = None;
                        dial_at = clock::now() + REDIAL;
                    }
                }
                Some(Step::Asked(None)) => return,
                Some(Step::Asked(Some(question))) => {
                    asked = clock::now();
                    if link.is_none() && (!self.down.load(Ordering::Acquire) || dial_at <= asked) {
                        link = self.dial(&mut generation).await;
                        dial_at = clock::now() + REDIAL;
                    }
                    match &link {
                        Some(link) => self.answer(question, link.clone(), generation, broke.clone()),
                        None => refuse(question),
                    }
                }
            }
        }
    }

    /// A connection that answers; `None` when there is none in time.
    async fn dial(&self, generation: &mut u64) -> Option<MultiplexedConnection> {
        *generation += 1;
        let found = timeout(DEADLINE, self.connect()).await.ok().flatten();
        self.down.store(found.is_none(), Ordering::Release);
        found
    }

    async fn connect(&self) -> Option<MultiplexedConnection> {
        let stream = self.target.peer.dial(&self.target.settings).await.ok()?;
        let mut login = self.target.login.clone();
        if let Some(password) = &self.target.password {
            password.ready().await.ok()?;
            login = login.set_password(&**password.reveal().ok()?);
        }
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(DEADLINE));
        let (mut link, driver) = MultiplexedConnection::new_with_config(&login, stream, config).await.ok()?;
        drop(tokio::spawn(driver));
        let pong: redis::RedisResult<String> = redis::cmd("PING").query_async(&mut link).await;
        pong.is_ok().then_some(link)
    }

    /// Puts a question to the store in a task of its own.
    fn answer(&self, question: Question, mut link: MultiplexedConnection, generation: u64, broke: mpsc::Sender<u64>) {
        let (scripts, process) = (self.scripts.clone(), self.process.clone());
        drop(tokio::spawn(async move {
            let done = match question {
                Question::Reserve(bucket, want, reply) => {
                    let call = scripts.reserve(&bucket, &process, &want);
                    let answer = timeout(DEADLINE, call.invoke_async::<redis::Value>(&mut link)).await;
                    let answer = match answer {
                        Ok(Ok(value)) => script::read(value).ok_or_else(|| "an answer that is not ours".to_owned()),
                        Ok(Err(error)) => Err(format!("the store refused: {}", error.category())),
                        Err(_) => Err("no answer in time".to_owned()),
                    };
                    let good = answer.is_ok();
                    let _ = reply.send(answer);
                    good
                }
                Question::Block(bucket, wait) => {
                    let call = scripts.block(&bucket, wait);
                    matches!(timeout(DEADLINE, call.invoke_async::<i64>(&mut link)).await, Ok(Ok(_)))
                }
                Question::GiveBack(bucket, spare) => {
                    let call = scripts.give_back(&bucket, &spare);
                    matches!(timeout(DEADLINE, call.invoke_async::<i64>(&mut link)).await, Ok(Ok(_)))
                }
            };
            if !done {
                let _ = broke.send(generation).await;
            }
        }));
    }
}

fn refuse(question: Question) {
    if let Question::Reserve(_, _, reply) = question {
        let _ = reply.send(Err("the store does not answer".to_owned()));
    }
}

//! `perezvon run`: the daemon, put together from its parts.

use super::{Failure, logs};
use crate::{
    chat::Chats,
    clock::Clock,
    config::{self, Config},
    control::{self, Handle, Service, Started, settings, socket},
    daemon::{Broken, Daemon, Numbers, intake},
    engine::{
        Name,
        effect::{Alarm, AlarmKind},
        input::{Input, Wish},
    },
    http::{self, Api, Events, Http, Widget},
    metrics,
    store::{self, Store},
    switch::{
        inbound::{Inbound, Settings},
        link::{Perform, Roll, Told},
        outbound::Outbound,
        sound::Rendered,
    },
    voice::{Sounds, studio::Studio},
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::TcpListener,
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::{Semaphore, mpsc},
};
use tracing::{error, info, warn};

/// News of the switches that wait for the loop; a link whose news find no place waits.
const MOST_NEWS: usize = 8192;
/// How long the last commands may take on their way out after the loop has ended.
const LAST_WORDS: Duration = Duration::from_secs(3);

/// Runs until SIGTERM.
///
/// # Errors
/// The configuration is faulty; the switch refuses the password; the store, a port or the socket cannot be had.
pub fn run(file: &Path, observe: bool) -> Result<(), Failure> {
    let config = config::load(file).map_err(|faults| Failure::Config(faults.to_string()))?;
    let config = if observe { config.observing() } else { config };
    logs::init(&config.log);
    let runtime = Runtime::new()?;
    let done = runtime.block_on(serve(file.to_owned(), config));
    runtime.shutdown_timeout(LAST_WORDS);
    done
}

async fn serve(file: PathBuf, config: Config) -> Result<(), Failure> {
    let metrics = metrics::install().map_err(Failure::Failed)?;
    let clock = Clock::of_environment();
    let socket_path = config.socket.clone();
    let socket = socket::bind(&socket_path)
        .await
        .map_err(|error| Failure::Failed(format!("the control socket {}: {error}", socket_path.display())))?;
    let store = store::open(&config.store, clock.now().wall).await.map_err(|why| Failure::Failed(why.to_string()))?;
    let parts = Parts { clock, store, started: Some(file), config };
    let house = parts.start().await?;
    if let Some(address) = house.config.listen {
        house.listen(address, metrics).await?;
    }
    tokio::spawn(socket::serve(socket, house.service.clone()));
    if let Some(folder) = house.config.cdr.folder.clone() {
        tokio::spawn(intake::watch_folder(folder, house.service.handle().clone()));
    }
    heed_signals(house.service.clone())?;
    if house.config.rules.observe {
        warn!("observing: what would be dialled is written down, nothing is dialled");
    }
    let done = house.daemon.run().await.map_err(Failure::from);
    let _ = std::fs::remove_file(&socket_path);
    done
}

/// What a daemon is made of.
pub struct Parts {
    /// Its time.
    pub clock: Clock,
    /// Its memory.
    pub store: Arc<dyn Store>,
    /// The file of its configuration, when there is one to read anew.
    pub started: Option<PathBuf>,
    /// The configuration.
    pub config: Config,
}

/// A daemon with its links, ready to [`Daemon::run`].
pub struct House {
    /// The loop.
    pub daemon: Daemon,
    /// What may be asked of it.
    pub service: Service,
    /// Where dialplans give it their callers.
    pub outbound: Option<SocketAddr>,
    /// What it was made from.
    pub config: Config,
    clock: Clock,
}

impl Parts {
    /// Reads the store and begins to connect to the switches.
    ///
    /// # Errors
    /// The store cannot be read; a user or password that no command can carry.
    pub async fn start(self) -> Result<House, Failure> {
        let Parts { clock, store, started, mut config } = self;
        let over = match started {
            Some(file) => Some(settings(clock, file, &*store, &mut config).await?),
            None => None,
        };
        let (handle, desk) = control::desk(store.clone(), config.rules.clone());
        let (tell, told) = mpsc::channel(MOST_NEWS);
        let settings = Settings::of(&config)
            .map_err(|(switch, why)| Failure::Config(format!("the password of switch {switch}: {why}")))?;
        let studio = Studio::open(config.voice.rendering()).map_err(Failure::Config)?.map(Arc::new);
        let link = |mut settings: Settings| -> (Name, Box<dyn Perform>) {
            let name = settings.name.clone();
            settings.speakers.sounds = studio.clone().map(|studio| studio as Arc<dyn Sounds>);
            let link = Inbound::start(settings, clock, tell.clone());
            match &studio {
                Some(studio) => (name, Box::new(Rendered::new(link, studio.clone(), config.voice.names))),
                None => (name, Box::new(link)),
            }
        };
        let roll = settings.first().map(|settings| settings.roll.clone());
        let outbound = match (&config.outbound, roll) {
            (Some(outbound), Some(roll)) => Some(callers(outbound, roll, tell.clone()).await?),
            _ => None,
        };
        let with_callers = |link: Box<dyn Perform>| match &outbound {
            Some(outbound) => outbound.before(link),
            None => link,
        };
        let links: BTreeMap<Name, Box<dyn Perform>> =
            settings.into_iter().map(link).map(|(name, link)| (name, with_callers(link))).collect();
        let daemon = Daemon::new(clock, config.rules.clone(), store, links, desk, told).await;
        let numbers = if config.log.whole_numbers { Numbers::Whole } else { Numbers::Masked };
        let daemon = daemon.map_err(|why| Failure::Failed(why.to_string()))?.showing(numbers);
        let started = over.map(|(file, settings)| Started { file, config: config.clone(), settings });
        let service = Service::new(handle, started);
        Ok(House { daemon, service, outbound: outbound.map(|outbound| outbound.address()), config, clock })
    }
}

/// The settings over the file, whose rules are obeyed from the start; those that do not fit it any more are left off, loudly.
async fn settings(
    clock: Clock,
    file: PathBuf,
    store: &dyn Store,
    config: &mut Config,
) -> Result<(PathBuf, settings::Settings), Failure> {
    let read = settings::Settings::start(clock, &file, store).await.map_err(|why| Failure::Failed(why.to_string()))?;
    let (settings, laid) = read.map_err(|faults| Failure::Config(faults.to_string()))?;
    if let Some(text) = laid.misfit() {
        text.lines().for_each(|line| error!("{line}"));
        metrics::alarm(&Alarm { kind: AlarmKind::Settings, text });
    } else if let Some(version) = &laid.version {
        info!(version = version.version, by = version.by, "settings are in force over the file");
        let observe = config.rules.observe;
        config.rules = laid.config.rules;
        Arc::make_mut(&mut config.rules).observe = observe;
    }
    Ok((file, settings))
}

async fn callers(settings: &config::Outbound, roll: Roll, told: mpsc::Sender<Told>) -> Result<Outbound, Failure> {
    let address = settings.listen;
    let fault = |error| Failure::Failed(format!("{address}: {error}; name another with `listen` in [outbound]"));
    Outbound::listen(settings, roll, told).await.map_err(fault)
}

impl House {
    /// Answers HTTP at this address; gives the one that was taken.
    ///
    /// # Errors
    /// It is in use.
    pub async fn listen(&self, address: SocketAddr, metrics: PrometheusHandle) -> Result<SocketAddr, Failure> {
        let told = |error| Failure::Failed(format!("{address}: {error}; name another with `listen` in [http]"));
        let listener = TcpListener::bind(address).await.map_err(told)?;
        let address = listener.local_addr()?;
        let credentials = self.config.cdr.credentials.as_ref().map(|secret| secret.reveal().into());
        let posts = Arc::new(Semaphore::new(http::MOST_POSTS));
        let own = Http { service: self.service.clone(), metrics, clock: self.clock, credentials, posts };
        let chats = Chats::start(self.service.handle().clone(), self.clock).await;
        let chats = chats.map_err(|why| Failure::Failed(why.to_string()))?;
        let api = Api {
            service: self.service.clone(),
            tokens: self.config.tokens.clone().into(),
            once: Arc::default(),
            events: Events::of(self.service.handle(), self.clock),
            chats: chats.clone(),
            clock: self.clock,
            pages: Arc::new(self.config.pages.clone()),
        };
        let widget = Widget::of(&self.config, self.service.clone(), chats, self.clock);
        let router = http::router(own, api, widget).into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                error!(%error, "the HTTP listener ended");
            }
        });
        info!(%address, tokens = self.config.tokens.len(), "the API, metrics, health and call records");
        Ok(address)
    }
}

impl From<Broken> for Failure {
    fn from(broken: Broken) -> Failure {
        match broken {
            Broken::Hopeless(..) => Failure::Config(format!(
                "{broken}; see `password` in [switch], and event_socket.conf.xml of the switch"
            )),
            Broken::Store(_) | Broken::Links => Failure::Failed(broken.to_string()),
        }
    }
}

/// SIGHUP reloads; SIGTERM and SIGINT drain, a second one does not wait.
fn heed_signals(service: Service) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::spawn(async move {
        let mut stopping = false;
        loop {
            tokio::select! {
                Some(()) = hangup.recv() => reload(&service).await,
                Some(()) = terminate.recv() => drain(service.handle(), &mut stopping).await,
                Some(()) = interrupt.recv() => drain(service.handle(), &mut stopping).await,
                else => return,
            }
        }
    });
    Ok(())
}

async fn reload(service: &Service) {
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Reloading]);
    match service.reload().await {
        Ok(rest) if rest.is_empty() => info!("the new configuration is obeyed"),
        Ok(rest) => warn!("the new rules are obeyed; a restart brings in [{}]", rest.join("], [")),
        Err(refusal) => {
            error!("the configuration is faulty, the old one stays in force");
            refusal.text.lines().for_each(|fault| error!("{fault}"));
        }
    }
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
}

async fn drain(handle: &Handle, stopping: &mut bool) {
    if std::mem::replace(stopping, true) {
        warn!("stopping at once");
        std::process::exit(0);
    }
    info!("stopping: nobody is dialled any more, what rings is let go, talks go on");
    // It may take as long as what is in progress; a second signal must be heard meanwhile.
    let handle = handle.clone();
    tokio::spawn(async move { drop(handle.step(Input::Wish(Wish::Drain)).await) });
}

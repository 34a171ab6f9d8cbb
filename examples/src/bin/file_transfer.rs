//! Files go up and down in streams, are compared by digest, and go on where they broke off.
//!
//! ```text
//! cargo run -p protocall-examples --bin file_transfer -- --demo
//! cargo run -p protocall-examples --bin file_transfer -- serve tcp://127.0.0.1:7000 FOLDER    # in one terminal
//! cargo run -p protocall-examples --bin file_transfer -- put tcp://127.0.0.1:7000 FILE        # in others
//! cargo run -p protocall-examples --bin file_transfer -- get tcp://127.0.0.1:7000 NAME
//! ```
//! The schema is `schemas/files/v1/files.proto`; how parts of files are kept is in `examples/src/partial.rs`. The
//! demonstration has a line that breaks in the middle of an upload and of a download.

use std::collections::HashSet;
use std::error::Error;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocall::{Channel, Code, Context, RecvStream, Router, SendStream, Server, Status};
use protocall_examples::bar::Bar;
use protocall_examples::partial::{CHUNK, Partial, describe, failed, hex};
use protocall_examples::proto::files::v1::{
    Begin, Chunk, FileInfo, Files, FilesClient, FilesServer, FindRequest, GetRequest, OffsetReply, Part, part,
};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncSeekExt};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// How long either end waits for the other to go on. A stream has no time limit of its own.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        [] | ["--demo"] => demo().await,
        ["serve", address, folder] => serve(address, folder.into()).await,
        ["put", address, file] => put_to(address, Path::new(file)).await,
        ["get", address, name] => get_from(address, name).await,
        _ => {
            Err("usage: file_transfer [--demo | serve ADDRESS FOLDER | put ADDRESS FILE | get ADDRESS NAME]"
                .into())
        }
    };
    if let Err(error) = outcome {
        eprintln!("{error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

// ---- The server ----------------------------------------------------------------------------------------------------

/// A folder of files.
struct Store {
    folder: PathBuf,
    /// What is being uploaded now: of each file one upload at a time.
    uploads: Mutex<HashSet<PathBuf>>,
}

impl Store {
    fn new(folder: PathBuf) -> Self {
        Self { folder, uploads: Mutex::default() }
    }

    /// Where a file is. A name is never a way out of the folder, nor that of a part.
    fn path(&self, name: &str) -> Result<PathBuf, Status> {
        let is_name = Path::new(name).file_name().is_some_and(|file| file == name);
        if !is_name || name.starts_with('.') {
            return Err(Status::invalid_argument(format!("{name:?} is no name of a file")));
        }
        Ok(self.folder.join(name))
    }

    fn uploads(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The right to write a part, until it is dropped.
    fn claim(&self, file: &FileInfo) -> Result<Claim<'_>, Status> {
        let path = Partial::path(&self.folder, file);
        if !self.uploads().insert(path.clone()) {
            return Err(Status::aborted("somebody is uploading this file"));
        }
        Ok(Claim { store: self, path })
    }
}

/// However an upload ends, also if its handler is dropped because the connection is gone, another may begin then.
struct Claim<'a> {
    store: &'a Store,
    path: PathBuf,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.store.uploads().remove(&self.path);
    }
}

impl Files for Store {
    async fn find(&self, _: &Context, req: FindRequest) -> Result<FileInfo, Status> {
        describe(&self.path(&req.name)?).await
    }

    async fn offset(&self, _: &Context, file: FileInfo) -> Result<OffsetReply, Status> {
        let _claim = self.claim(&file)?;
        if describe(&self.path(&file.name)?).await.is_ok_and(|there| there == file) {
            return Ok(OffsetReply { offset: file.size, whole: true });
        }
        let part = fs::metadata(Partial::path(&self.folder, &file)).await;
        Ok(OffsetReply { offset: part.map_or(0, |part| part.len()), whole: false })
    }

    async fn put(&self, _: &Context, parts: RecvStream<Part>) -> Result<FileInfo, Status> {
        let mut parts = parts.item_timeout(PATIENCE);
        let Some(Part { part: Some(part::Part::Begin(Begin { file: Some(file), offset })) }) =
            parts.next().await?
        else {
            return Err(Status::invalid_argument("the first part says what comes"));
        };
        let target = self.path(&file.name)?;
        let _claim = self.claim(&file)?;
        let mut partial = Partial::open(&self.folder, file).await?;
        if partial.len() != offset {
            return Err(Status::failed_precondition(format!("{} bytes are here", partial.len())));
        }
        // `None` comes only if the other end has finished. A connection that is lost is an `Err`, or drops this handler;
        // either way the part stays, and is nothing but a part.
        while let Some(Part { part }) = parts.next().await? {
            let Some(part::Part::Chunk(chunk)) = part else {
                return Err(Status::invalid_argument("after the first part come bytes"));
            };
            partial.write(&chunk.data).await?;
        }
        partial.complete(&target).await
    }

    async fn get(&self, _: &Context, req: GetRequest, out: SendStream<Chunk>) -> Result<(), Status> {
        let mut out = out.item_timeout(PATIENCE);
        let mut file = open_at(&self.path(&req.name)?, req.offset).await?;
        while let Some(chunk) = next_chunk(&mut file).await? {
            out.send(chunk).await?;
        }
        Ok(())
    }
}

async fn open_at(path: &Path, offset: u64) -> Result<File, Status> {
    let mut file = File::open(path).await.map_err(failed)?;
    file.seek(SeekFrom::Start(offset)).await.map_err(failed)?;
    Ok(file)
}

async fn next_chunk(file: &mut File) -> Result<Option<Chunk>, Status> {
    let mut data = vec![0; CHUNK];
    let read = file.read(&mut data).await.map_err(failed)?;
    data.truncate(read);
    Ok((read > 0).then(|| Chunk { data: data.into() }))
}

async fn serve(address: &str, folder: PathBuf) -> Result<()> {
    fs::create_dir_all(&folder).await?;
    let router = Router::new().add(FilesServer::new(Store::new(folder)));
    let bound = Server::new(router).listen(address).bind().await?;
    println!("listening on {}; Ctrl-C ends it", bound.local_addrs()[0]);
    println!("{}", bound.serve_until(protocall::shutdown_signal()).await);
    Ok(())
}

// ---- The client ----------------------------------------------------------------------------------------------------

async fn put_to(address: &str, path: &Path) -> Result<()> {
    let files = FilesClient::new(Channel::connect(address).await?);
    Ok(put(&files, path).await?)
}

async fn get_from(address: &str, name: &str) -> Result<()> {
    let files = FilesClient::new(Channel::connect(address).await?);
    Ok(get(&files, name, Path::new(".")).await?)
}

/// Uploads a file, in as many goes as it takes.
async fn put(files: &FilesClient, path: &Path) -> Result<(), Status> {
    let file = describe(path).await?;
    let mut bar = Bar::new("up", file.size);
    let mut tries = Tries::default();
    while let Err(status) = upload(files, path, &file, &mut bar).await {
        tries.again(status, &mut bar).await?;
    }
    bar.say(&format!("{} is there: {}", file.name, &hex(&file.sha256)[..16]));
    Ok(())
}

async fn upload(files: &FilesClient, path: &Path, file: &FileInfo, bar: &mut Bar) -> Result<(), Status> {
    let OffsetReply { offset, whole } = files.offset(file.clone()).await?;
    if whole {
        return Ok(());
    }
    let mut source = open_at(path, offset).await?;
    let (parts, reply) = files.put().await?;
    let mut parts = parts.item_timeout(PATIENCE);
    let begin = Begin { file: Some(file.clone()), offset };
    parts.send(Part { part: Some(part::Part::Begin(begin)) }).await?;
    let mut sent = bar.begin(offset);
    while let Some(chunk) = next_chunk(&mut source).await? {
        sent += chunk.data.len() as u64;
        parts.send(Part { part: Some(part::Part::Chunk(chunk)) }).await?;
        bar.show(sent);
    }
    // Without this the other end would get an error, and never take for whole what was dropped half way.
    parts.finish().await?;
    reply.await?;
    Ok(())
}

/// Downloads a file into a folder, in as many goes as it takes.
async fn get(files: &FilesClient, name: &str, folder: &Path) -> Result<(), Status> {
    // The name is ours: whoever is at the other end does not choose where this is written.
    let file = FileInfo { name: name.into(), ..files.find(FindRequest { name: name.into() }).await? };
    let mut bar = Bar::new("down", file.size);
    let mut tries = Tries::default();
    while let Err(status) = download(files, &file, folder, &mut bar).await {
        tries.again(status, &mut bar).await?;
    }
    bar.say(&format!("{name} is here: {}", &hex(&file.sha256)[..16]));
    Ok(())
}

async fn download(files: &FilesClient, file: &FileInfo, folder: &Path, bar: &mut Bar) -> Result<(), Status> {
    let mut partial = Partial::open(folder, file.clone()).await?;
    bar.begin(partial.len());
    let request = GetRequest { name: file.name.clone(), offset: partial.len() };
    let mut chunks = files.get(request).await?.item_timeout(PATIENCE);
    while let Some(chunk) = chunks.next().await? {
        partial.write(&chunk.data).await?;
        bar.show(partial.len());
    }
    partial.complete(&folder.join(&file.name)).await?;
    Ok(())
}

/// How often it was tried in vain to go on.
#[derive(Default)]
struct Tries {
    in_vain: u32,
    shown: u64,
}

impl Tries {
    /// Waits until it is time to try again, if that may help: the connection was lost, or the server has not noticed
    /// yet that it was. The channel makes a new one for the next call.
    async fn again(&mut self, status: Status, bar: &mut Bar) -> Result<(), Status> {
        if bar.shown() > self.shown {
            *self = Self { in_vain: 0, shown: bar.shown() };
        }
        if ![Code::UNAVAILABLE, Code::ABORTED].contains(&status.code()) || self.in_vain == 8 {
            return Err(status);
        }
        if self.in_vain == 0 {
            bar.say(&format!("broke off: {}", status.code()));
        }
        tokio::time::sleep(Duration::from_millis(100 << self.in_vain)).await;
        self.in_vain += 1;
        Ok(())
    }
}

// ---- All of it in one run ------------------------------------------------------------------------------------------

/// A line to the store that breaks once in the middle of an upload, and once of a download.
struct Line {
    store: FilesClient,
    breaks_up: AtomicBool,
    breaks_down: AtomicBool,
}

/// After how many items.
const BREAKS: usize = 33;

impl Line {
    /// The connection ends without a word to whoever waits for an answer, and this handler with it.
    async fn cut<T>(&self, ctx: &Context) -> T {
        ctx.session().close();
        std::future::pending().await
    }
}

impl Files for Line {
    async fn find(&self, ctx: &Context, req: FindRequest) -> Result<FileInfo, Status> {
        Files::find(&self.store, ctx, req).await
    }

    async fn offset(&self, ctx: &Context, req: FileInfo) -> Result<OffsetReply, Status> {
        Files::offset(&self.store, ctx, req).await
    }

    async fn put(&self, ctx: &Context, mut parts: RecvStream<Part>) -> Result<FileInfo, Status> {
        let (mut out, reply) = self.store.put().await?;
        let most = if self.breaks_up.swap(false, Ordering::Relaxed) { BREAKS + 1 } else { usize::MAX };
        for _ in 0..most {
            let Some(part) = parts.next().await? else {
                out.finish().await?;
                return reply.await;
            };
            out.send(part).await?;
        }
        // What is dropped unfinished is an error at the store.
        drop(out);
        if let Err(status) = reply.await {
            println!("  the store has half of it: {status}");
        }
        self.cut(ctx).await
    }

    async fn get(&self, ctx: &Context, req: GetRequest, mut out: SendStream<Chunk>) -> Result<(), Status> {
        let mut chunks = self.store.get(req).await?;
        let most = if self.breaks_down.swap(false, Ordering::Relaxed) { BREAKS } else { usize::MAX };
        for _ in 0..most {
            let Some(chunk) = chunks.next().await? else { return Ok(()) };
            out.send(chunk).await?;
        }
        self.cut(ctx).await
    }
}

async fn demo() -> Result<()> {
    let folder = Folder::new()?;
    let store = FilesClient::new(Router::new().add(FilesServer::new(Store::new(folder.sub("store")?))));
    let line = Line { store, breaks_up: true.into(), breaks_down: true.into() };
    // With little credit, so that what was sent when the line breaks is not far ahead of what is there.
    let server = Server::new(Router::new().add(FilesServer::new(line))).stream_credit(64 << 10);
    let bound = server.listen("tcp://127.0.0.1:0").bind().await?;
    let address = bound.local_addrs()[0].to_string();
    tokio::spawn(bound.serve());
    let files = FilesClient::new(Channel::connect(address).await?);

    let (here, there) = (folder.sub("here")?, folder.sub("there")?);
    let sample = here.join("sample.bin");
    let bytes: Vec<u8> = (0..2_u32 << 20).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(&sample, &bytes).await?;

    println!("1. An upload that breaks off, and goes on");
    put(&files, &sample).await?;

    println!("2. The same once more");
    put(&files, &sample).await?;

    println!("3. A download that breaks off, and goes on");
    get(&files, "sample.bin", &there).await?;
    println!("  the same bytes: {}", fs::read(there.join("sample.bin")).await? == bytes);

    println!("4. What is not what it says it is");
    let mut file = describe(&sample).await?;
    (file.name, file.sha256) = ("forged.bin".into(), vec![7; 32].into());
    if let Err(status) = upload(&files, &sample, &file, &mut Bar::new("up", file.size)).await {
        println!("  {status}");
    }
    if let Err(status) = get(&files, "forged.bin", &there).await {
        println!("  {status}");
    }
    Ok(())
}

/// A folder that is there as long as this is.
struct Folder(PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        let path = std::env::temp_dir().join(format!("protocall-file-transfer-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn sub(&self, name: &str) -> std::io::Result<PathBuf> {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path)?;
        Ok(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

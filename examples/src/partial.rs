//! Files that come in pieces, as both ends of `file_transfer` keep them: apart until they are whole, and whole only if
//! their digest is the right one.

use std::io;
use std::path::{Path, PathBuf};

use protocall::Status;
use sha2::{Digest, Sha256};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::proto::files::v1::FileInfo;

/// How many bytes travel in an item. Less than `max_fragment`, so that items are written in place and never cut up.
pub const CHUNK: usize = 32 << 10;

/// What has come of a file, under a name by which nobody finds it. The digest is in that name: what comes is never
/// added to the beginning of another file.
#[derive(Debug)]
pub struct Partial {
    whole: FileInfo,
    path: PathBuf,
    file: File,
    digest: Sha256,
    len: u64,
}

impl Partial {
    /// Where the parts of a file are kept.
    #[must_use]
    pub fn path(folder: &Path, whole: &FileInfo) -> PathBuf {
        folder.join(format!(".{}.part", hex(&whole.sha256)))
    }

    /// Goes on with what there is, or begins.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` if the digest is none; what the file system says.
    pub async fn open(folder: &Path, whole: FileInfo) -> Result<Self, Status> {
        if whole.sha256.len() != Sha256::output_size() {
            return Err(Status::invalid_argument("`sha256` has 32 bytes"));
        }
        let path = Self::path(folder, &whole);
        let opened = OpenOptions::new().create(true).read(true).append(true).open(&path).await;
        let mut file = opened.map_err(failed)?;
        let (digest, len) = digest_of(&mut file).await.map_err(failed)?;
        Ok(Self { whole, path, file, digest, len })
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether nothing has come yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds what follows.
    ///
    /// # Errors
    /// `OUT_OF_RANGE` if it is more than the file has; what the file system says.
    pub async fn write(&mut self, data: &[u8]) -> Result<(), Status> {
        if self.len + data.len() as u64 > self.whole.size {
            return Err(Status::out_of_range(format!("{} has {} bytes", self.whole.name, self.whole.size)));
        }
        self.file.write_all(data).await.map_err(failed)?;
        // Without it the bytes may still be on their way when this is dropped, as it is when a connection breaks.
        self.file.flush().await.map_err(failed)?;
        self.digest.update(data);
        self.len += data.len() as u64;
        Ok(())
    }

    /// All has come: gives the file its name, in place of what had it before.
    ///
    /// # Errors
    /// `DATA_LOSS` if it is not the file that it should be, and what has come is thrown away; what the file system says.
    pub async fn complete(self, target: &Path) -> Result<FileInfo, Status> {
        let Self { whole, path, file, digest, len } = self;
        if len != whole.size {
            let text = format!("{len} of {} bytes of {} have come", whole.size, whole.name);
            return Err(Status::data_loss(text));
        }
        if digest.finalize().as_slice() != whole.sha256 {
            fs::remove_file(&path).await.map_err(failed)?;
            return Err(Status::data_loss(format!("what came of {} has another digest", whole.name)));
        }
        file.sync_all().await.map_err(failed)?;
        fs::rename(&path, target).await.map_err(failed)?;
        Ok(whole)
    }
}

/// Size and digest of a file that is whole.
///
/// # Errors
/// What the file system says.
pub async fn describe(path: &Path) -> Result<FileInfo, Status> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Status::invalid_argument("that is no name of a file"))?;
    let mut file = File::open(path).await.map_err(failed)?;
    if !file.metadata().await.map_err(failed)?.is_file() {
        return Err(Status::invalid_argument(format!("{name} is no file")));
    }
    let (digest, size) = digest_of(&mut file).await.map_err(failed)?;
    Ok(FileInfo { name: name.into(), size, sha256: digest.finalize().to_vec().into() })
}

async fn digest_of(file: &mut File) -> io::Result<(Sha256, u64)> {
    let (mut digest, mut len, mut buffer) = (Sha256::new(), 0, vec![0; CHUNK]);
    loop {
        let read = file.read(&mut buffer).await?;
        if read == 0 {
            return Ok((digest, len));
        }
        digest.update(&buffer[..read]);
        len += read as u64;
    }
}

/// What the file system says, for the other end: without the paths here.
#[must_use]
#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
pub fn failed(error: io::Error) -> Status {
    match error.kind() {
        io::ErrorKind::NotFound => Status::not_found("there is no such file"),
        io::ErrorKind::PermissionDenied => Status::permission_denied("the file may not be opened"),
        _ => Status::internal(error.to_string()),
    }
}

/// Bytes as people compare them.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

//! Certificate and key, and taking up new ones.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::TlsFiles;

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("use {} and {}: {detail}", files.certificate.display(), files.key.display())]
pub struct TlsError {
    files: TlsFiles,
    detail: String,
}

/// The certificate in use. A new one that cannot be used is reported, and the old one kept.
pub(super) struct Certificate {
    files: TlsFiles,
    current: RwLock<Arc<ServerConfig>>,
    /// When the files were changed that were looked at last.
    looked_at: Mutex<[Option<SystemTime>; 2]>,
}

impl Certificate {
    pub(super) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let changed = changed(&files);
        let current = read(&files)?;
        Ok(Self { files, current: RwLock::new(Arc::new(current)), looked_at: Mutex::new(changed) })
    }

    pub(super) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes up the files if they have changed.
    pub(super) fn renew(&self) {
        let changed = changed(&self.files);
        let mut looked_at = self.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        if *looked_at == changed {
            return;
        }
        match read(&self.files) {
            Ok(config) => {
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
                // Of two files changed one after the other, the second is seen by the next look.
                *looked_at = changed;
                tracing::info!("a new certificate is in use");
            }
            Err(error) => tracing::warn!(%error, "the new certificate is not used"),
        }
    }
}

fn changed(files: &TlsFiles) -> [Option<SystemTime>; 2] {
    let of = |path: &PathBuf| std::fs::metadata(path).and_then(|data| data.modified()).ok();
    [of(&files.certificate), of(&files.key)]
}

fn read(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let error = |detail: String| TlsError { files: files.clone(), detail };
    let chain = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|fault| error(fault.to_string()))?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|fault| error(fault.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let mut config = config.map_err(|fault| error(fault.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

//! Topics as folders.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::limits::TOPIC_NAME_BYTES_MAX;
use crate::{LogError, TopicSpec};

use super::files::{self, damaged, failed, sync_folder};
use super::partition::{Access, Partition};

const META_FILE: &str = "topic.toml";
const FORMAT: u32 = 1;
/// Marks a topic that is being created. No topic's name can begin so.
const UNFINISHED: char = '+';

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Meta {
    format: u32,
    partitions: u32,
}

/// A topic that is open.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    /// Its number in this process; the writer counts by it.
    pub(super) id: usize,
    pub(super) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    pub(super) fn partition_count(&self) -> u32 {
        u32::try_from(self.partitions.len()).unwrap_or(u32::MAX)
    }

    pub(super) fn partition(&self, partition: u32) -> Result<&Arc<Partition>, LogError> {
        let index = usize::try_from(partition).unwrap_or(usize::MAX);
        let missing = || LogError::NoPartition { topic: self.name.clone(), partition };
        self.partitions.get(index).ok_or_else(missing)
    }

    fn open(name: &str, id: usize, folder: &Path, count: u32, access: Access) -> Result<Self, LogError> {
        let open = |number: u32| {
            let folder = folder.join(number.to_string());
            Ok(Arc::new(Partition::open(name, number, &folder, access)?))
        };
        let partitions = (0..count).map(open).collect::<Result<_, LogError>>()?;
        Ok(Self { name: name.to_owned(), id, partitions })
    }
}

/// Opens every topic in `topics_folder`.
pub(super) fn load_all(
    topics_folder: &Path,
    access: Access,
) -> Result<BTreeMap<String, Arc<Topic>>, LogError> {
    let mut topics = BTreeMap::new();
    for folder in files::list(topics_folder)? {
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if check_name(name).is_err() {
            continue; // The rest of a creation that a crash ended, or nothing of ours.
        }
        let meta = read_meta(&folder)?;
        let topic = Topic::open(name, topics.len(), &folder, meta.partitions, access)?;
        topics.insert(name.to_owned(), Arc::new(topic));
    }
    Ok(topics)
}

/// Creates a topic: after a crash it is there whole, or not at all.
pub(super) fn create(topics_folder: &Path, spec: &TopicSpec, id: usize) -> Result<Topic, LogError> {
    let context = || format!("creating topic {}", spec.name);
    let refused = |detail: &str| LogError::Failed { context: context(), detail: detail.to_owned() };
    check_name(&spec.name).map_err(refused)?;
    if spec.partitions == 0 {
        return Err(refused("a topic needs a partition"));
    }
    let unfinished = topics_folder.join(format!("{UNFINISHED}{}", spec.name));
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(failed(context()))?;
    }
    files::create_folder(&unfinished)?;
    for number in 0..spec.partitions {
        Partition::create(&unfinished.join(number.to_string()))?;
    }
    write_meta(&unfinished, &Meta { format: FORMAT, partitions: spec.partitions })?;
    sync_folder(&unfinished)?;
    let folder = topics_folder.join(&spec.name);
    std::fs::rename(&unfinished, &folder).map_err(failed(context()))?;
    sync_folder(topics_folder)?;
    Topic::open(&spec.name, id, &folder, spec.partitions, Access::Write)
}

fn write_meta(folder: &Path, meta: &Meta) -> Result<(), LogError> {
    let path = folder.join(META_FILE);
    let text = toml::to_string(meta).map_err(failed(format!("writing {}", path.display())))?;
    let written = std::fs::write(&path, text).and_then(|()| std::fs::File::open(&path)?.sync_all());
    written.map_err(failed(format!("writing {}", path.display())))
}

fn read_meta(folder: &Path) -> Result<Meta, LogError> {
    let path = folder.join(META_FILE);
    let text = std::fs::read_to_string(&path).map_err(failed(format!("reading {}", path.display())))?;
    let meta: Meta = toml::from_str(&text).map_err(|error| damaged(&path, 0, error.to_string()))?;
    match meta.format {
        FORMAT => Ok(meta),
        format => Err(LogError::Failed {
            context: format!("reading {}", path.display()),
            detail: format!("the topic has format {format}, this program knows {FORMAT}; use a newer one"),
        }),
    }
}

/// Takes what Kafka takes, which is also what can be a file name.
fn check_name(name: &str) -> Result<(), &'static str> {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    match name {
        "" | "." | ".." => Err("a topic needs a name other than `.` and `..`"),
        _ if name.len() > TOPIC_NAME_BYTES_MAX => Err("the name is longer than 249 bytes"),
        _ if !name.bytes().all(known) => Err("a name has ASCII letters, digits, `.`, `_` and `-` only"),
        _ => Ok(()),
    }
}

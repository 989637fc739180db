//! The shop of a demo: the very gateway that `pipeline gateway run` starts, on the demo's log, tables and analytics.

use std::path::PathBuf;
use std::sync::Arc;

use accounts::TokenKeys;
use anyhow::{Context as _, Result};
use catalogue::{CatalogueTopic, demo_products};
use ingest_gateway::board::ProofView;
use ingest_gateway::identity::{Identity, Roles, Secret};
use order_demo::DemoResult;
use order_model::{CustomerId, TimeMs};
use order_worker::Stop;

use super::Ground;
use super::entrance::Doorway;
use crate::commands::catalogue::bring;
use crate::commands::prove::in_words;
use crate::context::Context;
use crate::gateway::people::{Letters, PeopleParts};
use crate::gateway::{Gateway, GatewayParts};
use crate::keys;
use crate::notes::note;
use crate::outputs::Outputs;
use crate::random::random;

/// What the demo's sale is called.
const SALE: &str = "demo";
/// All shoppers of a demo come from this machine's one address.
const ADDRESS_PER_SECOND: u32 = 1_000_000;
/// So many connections they have at most, and streams.
const ADDRESS_AT_A_TIME: usize = 20_000;
/// In the folder of the demo: letters to people, as the links that verify addresses.
const LETTERS_FOLDER: &str = "letters";

/// The shop, while it is open.
pub(super) struct Shop {
    gateway: Gateway,
    key: String,
    /// Where letters to people lie, if there are accounts.
    letters: Option<PathBuf>,
}

impl Shop {
    /// Fills the catalogue and opens. Without `outputs` there are no tables, and so no accounts: people can look only.
    pub(super) fn open(context: &Context, ground: &Ground, outputs: Option<&Outputs>) -> Result<Self> {
        let topic = CatalogueTopic {
            log: Arc::clone(&ground.log),
            name: Arc::clone(&ground.topics.catalogue),
            codec: context.product_codec()?,
        };
        let products = demo_products().context("read the demo's products")?;
        bring(&topic, &products).context("fill the demo's catalogue")?;
        let secret = Secret::from(random()?);
        let producer = Identity {
            customer: CustomerId::from(u128::from_be_bytes(random()?)),
            verified: true,
            roles: Roles { producer: true, admin: false },
        };
        let key = secret.program_key(&producer, TimeMs(0));
        let letters = outputs.map(|_| ground.folder.join(LETTERS_FOLDER));
        let people = match &letters {
            None => None,
            Some(letters) => Some(PeopleParts {
                keys: TokenKeys::open(&ground.folder.join(keys::TOKENS_FILE_NAME))?,
                letters: Letters::Folder(letters.clone()),
                is_required: true,
            }),
        };
        let mut settings = context.settings.gateway.clone();
        settings.address_per_second = ADDRESS_PER_SECOND;
        settings.address_connections = ADDRESS_AT_A_TIME;
        settings.address_streams = ADDRESS_AT_A_TIME;
        let gateway = Gateway::start(&GatewayParts {
            log: Arc::clone(&ground.log),
            topics: ground.topics.clone(),
            codec: context.codec()?,
            products: context.product_codec()?,
            rooms: context.room_codec()?,
            ring: ground.ring.clone(),
            places: keys::place_keys(&ground.folder.join(keys::PLACES_FILE_NAME))?,
            secret,
            settings,
            tables: outputs.map(Outputs::table_options),
            people,
            analytics: outputs.and_then(Outputs::analytics),
            callback_secrets: Vec::new(),
        })?;
        note(format!(
            "the shop is open at {0}, and shows how the sale goes at {0}/sales/{SALE}/wall",
            gateway.origin()
        ));
        Ok(Self { gateway, key, letters })
    }

    /// Where people reach it, and where they find the letters it writes them.
    pub(super) fn sign(&self) -> String {
        let letters = self.letters.as_ref().map(|folder| format!("   letters: {}", folder.display()));
        format!("{}{}", self.gateway.origin(), letters.unwrap_or_default())
    }

    /// Puts what the proof says on the wall of the sale.
    pub(super) fn show_proof(&self, result: &DemoResult) {
        let view = ProofView {
            holds: result.is_proved(),
            text: in_words(&result.proof),
            certificate: result.certificate.to_string(),
        };
        self.gateway.service().board().show_proof(SALE, view);
    }

    /// The way in for the demo's own shoppers.
    pub(super) fn doorway(&self) -> Result<Doorway> {
        let door = self.gateway.service().door().clone();
        Doorway::open(&format!("http://{}", self.gateway.address()), &self.key, door)
    }

    /// Finishes what is in hand and closes.
    pub(super) fn close(self, stop: &Stop) -> Result<()> {
        self.gateway.drain(stop).map(drop)
    }
}

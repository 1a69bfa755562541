//! Extensions: components that serve other components, outside the pipelines.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use config::{ComponentId, Section};
use parking_lot::Mutex;

use crate::error::CreateError;
use crate::factory::{ComponentType, Stability};
use crate::lifecycle::Lifecycle;
use crate::settings::Settings;
use crate::storage::Storage;

/// Builds extensions of one type. An extension exists once per id, and runs when `service::extensions` lists it.
pub trait ExtensionFactory: Send + Sync + 'static {
    /// What users write.
    type Config: Section + Send + Sync + 'static;
    /// The type's name.
    const TYPE: ComponentType;
    /// Older names that still work; using one is logged as deprecated.
    const ALIASES: &'static [ComponentType] = &[];
    /// How far it may be relied on.
    const STABILITY: Stability;

    /// Builds one, without any side effect.
    ///
    /// # Errors
    ///
    /// What the configuration asks for cannot be built.
    fn create(&self, config: Self::Config, settings: Settings) -> Result<Extension, CreateError>;
}

/// An extension as its factory hands it over: what it offers to other components, and its life.
///
/// Extensions are acquired before any other component and stopped after all of them.
pub struct Extension {
    offer: Offer,
    lifecycle: Box<dyn Lifecycle>,
}

/// What an extension offers to other components.
#[derive(Clone, Default)]
pub struct Offer {
    storage: Option<Arc<dyn Storage>>,
}

impl Offer {
    /// The storage that it is, if it is one.
    pub fn storage(&self) -> Option<Arc<dyn Storage>> {
        self.storage.clone()
    }

    /// Whether other components get nothing from it.
    pub fn is_empty(&self) -> bool {
        self.storage.is_none()
    }
}

impl Extension {
    /// An extension that offers nothing to components: it only lives.
    pub fn new(lifecycle: impl Lifecycle + 'static) -> Self {
        Self { offer: Offer::default(), lifecycle: Box::new(lifecycle) }
    }

    /// An extension that components keep data in.
    pub fn storage(storage: Arc<dyn Storage>, lifecycle: impl Lifecycle + 'static) -> Self {
        Self { offer: Offer { storage: Some(storage) }, lifecycle: Box::new(lifecycle) }
    }

    /// Offer and life, for the engine.
    pub fn into_parts(self) -> (Offer, Box<dyn Lifecycle>) {
        (self.offer, self.lifecycle)
    }
}

impl fmt::Debug for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Extension").field("storage", &self.offer.storage.is_some()).finish()
    }
}

/// The extensions that run beside a component, by id.
///
/// It remembers which of them the component asked for: when such an extension changes, so does the component.
#[derive(Clone, Default)]
pub struct Extensions {
    offers: Arc<BTreeMap<ComponentId, Offer>>,
    asked: Arc<Mutex<BTreeSet<ComponentId>>>,
}

impl Extensions {
    /// The extensions of a configuration, for one component.
    pub fn new(offers: Arc<BTreeMap<ComponentId, Offer>>) -> Self {
        Self { offers, asked: Arc::default() }
    }

    /// The storage that a setting names.
    ///
    /// # Errors
    ///
    /// Names the setting: no such extension runs, or it is no storage.
    pub fn storage(
        &self,
        setting: &str,
        id: &ComponentId,
    ) -> Result<Arc<dyn Storage>, CreateError> {
        self.asked.lock().insert(id.clone());
        let offer = self.offers.get(id).ok_or_else(|| {
            CreateError::new(format!(
                "{setting}: no storage client extension found: \"{id}\" must be configured in `extensions` and listed in `service::extensions`"
            ))
        })?;
        offer.storage.clone().ok_or_else(|| {
            CreateError::new(format!(
                "{setting}: requested extension is not a storage extension: \"{id}\""
            ))
        })
    }

    /// The ids that were asked for, found or not.
    pub fn asked(&self) -> BTreeSet<ComponentId> {
        self.asked.lock().clone()
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.offers.keys()).finish()
    }
}

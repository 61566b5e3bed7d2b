//! An instance whose state is looked at through the exports that `wasmtime-wizer` has given its component, to make a component that begins there.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

/// The instance, and the store that it is in.
pub(super) struct Observed<'a, T: 'static> {
    store: &'a mut Store<T>,
    instance: Instance,
    /// What went wrong first: who asks has no way to hear of it.
    failed: Option<wasmtime::Error>,
}

impl<'a, T: Send + 'static> Observed<'a, T> {
    pub(super) fn new(store: &'a mut Store<T>, instance: Instance) -> Self {
        Observed { store, instance, failed: None }
    }

    /// The component that begins as the instance is now; `context` is what instrumenting its component has given.
    pub(super) async fn snapshot(mut self, context: &ComponentContext<'_>) -> wasmtime::Result<Vec<u8>> {
        let made = Wizer::new().snapshot_component(context, &mut self).await?;
        match self.failed {
            None => Ok(made),
            Some(error) => Err(error),
        }
    }

    async fn get<R: Lift + Send + Sync + 'static>(&mut self, interface: &str, name: &str) -> Option<R>
    where
        (R,): ComponentNamedList + Lift,
    {
        match self.call::<R>(interface, name).await {
            Ok(value) => Some(value),
            Err(error) => {
                self.failed.get_or_insert(error);
                None
            }
        }
    }

    async fn call<R: Lift + Send + Sync + 'static>(
        &mut self,
        interface: &str,
        name: &str,
    ) -> wasmtime::Result<R>
    where
        (R,): ComponentNamedList + Lift,
    {
        let missing = || wasmtime::Error::msg(format!("`{interface}` has no `{name}`"));
        let (_, outer) = self.instance.get_export(&mut *self.store, None, interface).ok_or_else(missing)?;
        let (_, inner) =
            self.instance.get_export(&mut *self.store, Some(&outer), name).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (R,)>(&mut *self.store, inner)?;
        let (value,) = function.call_async(&mut *self.store, ()).await?;
        Ok(value)
    }
}

impl<T: Send + 'static> ComponentInstanceState for Observed<'_, T> {
    async fn call_func_ret_list_u8(
        &mut self,
        interface: &str,
        function: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.get::<WasmList<u8>>(interface, function).await {
            Some(list) => contents(list.as_le_slice(&*self.store)),
            None => contents(&[]),
        }
    }

    async fn call_func_ret_s32(&mut self, interface: &str, function: &str) -> i32 {
        self.get(interface, function).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, interface: &str, function: &str) -> i64 {
        self.get(interface, function).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, interface: &str, function: &str) -> u32 {
        self.get::<f32>(interface, function).await.unwrap_or_default().to_bits()
    }

    async fn call_func_ret_f64(&mut self, interface: &str, function: &str) -> u64 {
        self.get::<f64>(interface, function).await.unwrap_or_default().to_bits()
    }
}

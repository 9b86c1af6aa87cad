// What is looked at when somebody asks for the metrics, and at no other time.
import type { Edge } from './call.js';
import { isReady } from './health.js';

export function showGauges(edge: Edge, build: { readonly version: string; readonly store: string }): void {
  const { metrics, broker } = edge;
  const { keys, clock } = broker;
  metrics.read('build_info', () => [{ labels: [build.version, process.version, build.store], value: 1 }]);
  metrics.read('ready', async () => ((await isReady(edge)) ? 1 : 0));
  metrics.read('irrevocable_leases', () => broker.store.countIrrevocable());
  metrics.read('targets_shut', () => broker.targets.shut.map((tool) => ({ labels: [tool], value: 1 })));
  metrics.read('feed_streams', () => edge.feed.streams);
  metrics.read('feed_entries', () => edge.feed.size);
  metrics.read('feed_silent_seconds', () => edge.feed.silentForMs / 1000);
  metrics.read('signing_key_age_seconds', () => (clock.now() - keys.current().activatesAt) / 1000);
  metrics.read('signing_key_rotation_timestamp_seconds', () => keys.nextTurnAt() / 1000);
}

// Two brokers as processes on a Redis under sentinels: to whoever asks, they are one.
import { SentinelRedis } from '../fixtures/redis/sentinel.js';
import { describeTwoBrokers } from './two-brokers.js';

describeTwoBrokers('a master, a replica and sentinels', () => SentinelRedis.start());

// oidc-provider's records in Redis, by the contract of its adapters: a string with an expiry, a hash where it can be used up.
import { Redis } from 'ioredis';

const PREFIX = 'oidc:';
/** Models whose records can be marked as used: the mark is a field of its own. */
const CONSUMABLE = new Set([
  'AuthorizationCode',
  'RefreshToken',
  'DeviceCode',
  'BackchannelAuthenticationRequest',
]);
const GRANTED = new Set([...CONSUMABLE, 'AccessToken']);

/** @param {string} model @param {string} id */
const keyOf = (model, id) => `${PREFIX}${model}:${id}`;
/** @param {string} grantId */
const grantKey = (grantId) => `${PREFIX}grant:${grantId}`;
/** @param {string} userCode */
const userCodeKey = (userCode) => `${PREFIX}userCode:${userCode}`;
/** @param {string} uid */
const uidKey = (uid) => `${PREFIX}uid:${uid}`;

/**
 * @param {number} port
 * @returns {import('oidc-provider').AdapterConstructor}
 */
export function redisAdapter(port) {
  const redis = new Redis(port, '127.0.0.1');

  return class RedisAdapter {
    /** @param {string} model */
    constructor(model) {
      this.model = model;
    }

    /** @param {string} id @param {import('oidc-provider').AdapterPayload} payload @param {number} expiresIn */
    async upsert(id, payload, expiresIn) {
      const key = keyOf(this.model, id);
      const text = JSON.stringify(payload);
      const { grantId, userCode, uid } = payload;
      const indexes = [
        ...(GRANTED.has(this.model) && grantId ? [{ list: grantKey(grantId) }] : []),
        ...(userCode ? [{ name: userCodeKey(userCode) }] : []),
        ...(this.model === 'Session' && uid ? [{ name: uidKey(uid) }] : []),
      ];
      if (!CONSUMABLE.has(this.model) && indexes.length === 0) {
        await (expiresIn ? redis.set(key, text, 'EX', expiresIn) : redis.set(key, text));
        return;
      }
      const all = redis.multi();
      if (CONSUMABLE.has(this.model)) all.hset(key, { payload: text });
      else all.set(key, text);
      if (expiresIn) all.expire(key, expiresIn);
      for (const { list, name } of indexes) {
        if (list) all.rpush(list, key).expire(list, expiresIn);
        if (name) all.set(name, id).expire(name, expiresIn);
      }
      await all.exec();
    }

    /** @param {string} id */
    async find(id) {
      const key = keyOf(this.model, id);
      if (!CONSUMABLE.has(this.model)) {
        const text = await redis.get(key);
        return text === null ? undefined : JSON.parse(text);
      }
      const { payload, consumed } = await redis.hgetall(key);
      if (payload === undefined) return undefined;
      return { ...JSON.parse(payload), ...(consumed && { consumed: Number(consumed) }) };
    }

    /** @param {string} uid */
    async findByUid(uid) {
      const id = await redis.get(uidKey(uid));
      return id === null ? undefined : this.find(id);
    }

    /** @param {string} userCode */
    async findByUserCode(userCode) {
      const id = await redis.get(userCodeKey(userCode));
      return id === null ? undefined : this.find(id);
    }

    /** @param {string} id */
    async consume(id) {
      await redis.hset(keyOf(this.model, id), 'consumed', Math.floor(Date.now() / 1000));
    }

    /** @param {string} id */
    async destroy(id) {
      await redis.del(keyOf(this.model, id));
    }

    /** @param {string} grantId */
    async revokeByGrantId(grantId) {
      const key = grantKey(grantId);
      await redis.del(key, ...(await redis.lrange(key, 0, -1)));
    }
  };
}

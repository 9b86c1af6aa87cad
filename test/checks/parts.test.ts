// What the tests' bootstrap does about a program that is not there.
import { expect, test } from '@jest/globals';
import { provide } from '../parts.mjs';

const redis = { name: 'redis', probe: ['redis-server'], apt: ['redis-server'], neededBy: 'test/store' };
const postgres = {
  name: 'postgres',
  probe: ['psql'],
  apt: ['postgresql', 'libpq5'],
  neededBy: 'test/minters',
};

function machine(present: string[], root: boolean) {
  const installed: string[] = [];
  return {
    installed,
    succeeds: ([program = '']: readonly string[]) => present.includes(program),
    canInstall: () => root,
    installPackages: (packages: readonly string[]) => {
      installed.push(...packages);
      if (packages.includes('redis-server')) present.push('redis-server');
    },
  };
}

test('nothing is installed where everything is there', () => {
  const full = machine(['redis-server', 'psql'], true);
  expect(provide([redis, postgres], full)).toEqual([]);
  expect(full.installed).toEqual([]);
});

test('what is missing is installed, and what stays missing is named', () => {
  const bare = machine([], true);
  expect(provide([redis, postgres], bare)).toEqual([postgres]);
  expect(bare.installed).toEqual(['redis-server', 'postgresql', 'libpq5']);
});

test('without root nothing is installed, and what is missing is named', () => {
  const plain = machine(['psql'], false);
  expect(provide([redis, postgres], plain)).toEqual([redis]);
  expect(plain.installed).toEqual([]);
});

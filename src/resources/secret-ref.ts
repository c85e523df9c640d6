/**
 * Where a secret is found: a file that the router's agent alone may read.
 *
 * Invariant: no value of a secret is taken, and one that is written in its place is not repeated.
 */
import { keyOfSecret } from './fields.ts';
import { object, type Parser, report, required } from './schema.ts';

export interface SecretRef {
  readonly name: string;
  readonly key: string;
}

interface Referring {
  readonly secretRef: SecretRef;
}

const referring = object<Referring>({ secretRef: required(keyOfSecret) });

export const secretReference: Parser<Referring> = (value, at) => {
  if (typeof value !== 'string') return referring(value, at);
  return report(
    at,
    'a secret is never written here: write {secretRef: {name, key}}, and the secret into the file NAME/KEY of the folder of secrets',
  );
};

/** Where a secret is found: a file that the router's agent alone may read, never a value. */
export interface SecretRef {
  readonly name: string;
  readonly key: string;
}

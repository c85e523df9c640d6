/** Where everything lies unless said otherwise. */
export const defaultStoreFolder = '/var/lib/causeway/store';
export const defaultStateFolder = '/var/lib/causeway';
export const defaultRunFolder = '/run/causeway';
export const defaultSecretsFolder = '/etc/causeway/secrets';

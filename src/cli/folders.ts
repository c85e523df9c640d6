/** Where everything lies unless said otherwise. */
export const defaultStoreFolder = '/var/lib/causeway/store';
export const defaultStateFolder = '/var/lib/causeway';
export const defaultRunFolder = '/run/causeway';
export const defaultSecretsFolder = '/etc/causeway/secrets';
/** The user's own BIRD text, copied into every configuration. */
export const defaultBirdFolder = '/etc/causeway/bird.d';
/** Where a router's resources lie as files, if they do; they are applied from there by whoever keeps them. */
export const defaultResourcesFolder = '/etc/causeway/resources';

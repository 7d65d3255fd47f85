const bytes = (text) => Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (letter) => letter.charCodeAt(0));
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const known = (list = []) => list.map((one) => ({ ...one, id: bytes(one.id) }));

async function created(options) {
  const credential = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: known(options.excludeCredentials),
    },
  });
  const { clientDataJSON, attestationObject } = credential.response;
  return answer(credential, {
    clientDataJSON: text(clientDataJSON),
    attestationObject: text(attestationObject),
    transports: credential.response.getTransports?.() ?? [],
  });
}

async function asserted(options) {
  const credential = await navigator.credentials.get({
    publicKey: { ...options, challenge: bytes(options.challenge), allowCredentials: known(options.allowCredentials) },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = credential.response;
  return answer(credential, {
    clientDataJSON: text(clientDataJSON),
    authenticatorData: text(authenticatorData),
    signature: text(signature),
    ...(userHandle && { userHandle: text(userHandle) }),
  });
}

const answer = ({ id, rawId, type }, response) => JSON.stringify({ id, rawId: text(rawId), type, response, clientExtensionResults: {} });

/** The challenge for signing in is asked for when it is needed: looking at the page begins no session. */
async function challenge(address) {
  const body = new URLSearchParams({ use: 'sign-in' });
  const response = await fetch(address, { method: 'POST', body, headers: { accept: 'application/json' }, credentials: 'same-origin' });
  const told = await response.json();
  if (!response.ok) throw new Error(told.detail || told.title);
  return told;
}

const FAULTS = {
  InvalidStateError: 'This device has a passkey for your account already.',
  NotAllowedError: 'Nothing was confirmed: the question was closed, took too long, or this device has no passkey for this site.',
  NotSupportedError: 'This device cannot make a passkey that it unlocks by finger, face or PIN.',
  SecurityError: 'Passkeys work only at the portal’s own address, over https.',
};

/** Asks the device, and sends its answer as the form's: without script, or in a browser without passkeys, the form stays hidden. */
export function passkey(form) {
  if (!window.PublicKeyCredential || !navigator.credentials) return;
  const fault = form.querySelector('[data-passkey-fault]');
  const button = form.querySelector('button');
  form.parentElement.querySelector('[data-passkey-missing]')?.remove();
  form.hidden = false;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    fault.hidden = true;
    button.disabled = true;
    try {
      const { options } = form.dataset;
      form.elements.response.value = options ? await created(JSON.parse(options)) : await asserted(await challenge(form.dataset.challenge));
      form.submit();
    } catch (error) {
      fault.textContent = FAULTS[error.name] ?? error.message;
      fault.hidden = false;
      button.disabled = false;
    }
  });
}

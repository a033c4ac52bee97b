import type { Random } from './random.ts'
import { USERS } from './styles/style.ts'

/**
 * What a node's `auth.log` says on ordinary days: `tag[pid]: text`, without the stamp and the host, which the caller
 * sets in front. Forms as OpenSSH 9.8+ (`sshd-session`), older `sshd`, Linux-PAM, sudo, su, systemd-logind and cron
 * write them.
 */
export function authNoise(random: Random): string[] {
  const dice = random.below(100)
  if (dice < 35) return cronJob(random)
  if (dice < 60) return scanner(random)
  if (dice < 80) return keyLogin(random)
  if (dice < 92) return sudoByPerson(random)
  if (dice < 96) return suToService(random)
  return dice < 98 ? sudoRefused(random) : preauthNoise(random)
}

/** A made-up fingerprint that stays the same for a name. */
export function fingerprint(name: string): string {
  return `SHA256:${Buffer.from(`key-of-${name}-${'0'.repeat(32)}`)
    .toString('base64')
    .slice(0, 43)}`
}

function cronJob(random: Random): string[] {
  const pid = random.between(20_000, 60_000)
  return [
    `CRON[${pid}]: pam_unix(cron:session): session opened for user root(uid=0) by root(uid=0)`,
    `CRON[${pid}]: (root) CMD (command -v debian-sa1 > /dev/null && debian-sa1 1 1)`,
    `CRON[${pid}]: pam_unix(cron:session): session closed for user root`,
  ]
}

/** The internet's background: one or two tries from an address that is not seen again. */
function scanner(random: Random): string[] {
  const daemon = random.once(3) ? 'sshd' : 'sshd-session'
  const tag = `${daemon}[${random.between(20_000, 60_000)}]`
  const user = random.pick(['admin', 'oracle', 'postgres', 'ubuntu', 'test', 'git'])
  const from = `192.0.2.${random.between(1, 254)} port ${random.between(32_768, 60_999)}`
  if (random.once(3)) return [`${tag}: Connection closed by ${from} [preauth]`]
  return [
    `${tag}: Invalid user ${user} from ${from}`,
    `${tag}: pam_unix(sshd:auth): check pass; user unknown`,
    `${tag}: pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${from.split(' ')[0]}`,
    `${tag}: Failed password for invalid user ${user} from ${from} ssh2`,
    `${tag}: Connection closed by invalid user ${user} ${from} [preauth]`,
  ]
}

function keyLogin(random: Random): string[] {
  const user = random.pick(USERS)
  const tag = `sshd-session[${random.between(20_000, 60_000)}]`
  const session = random.between(100, 9_000)
  const from = `10.20.0.${random.between(10, 40)} port ${random.between(32_768, 60_999)}`
  return [
    `${tag}: Accepted publickey for ${user} from ${from} ssh2: ED25519 ${fingerprint(user)}`,
    `${tag}: pam_unix(sshd:session): session opened for user ${user}(uid=${1000 + user.length}) by ${user}(uid=0)`,
    `systemd-logind[811]: New session ${session} of user ${user}.`,
    `${tag}: Received disconnect from ${from}:11: disconnected by user`,
    `${tag}: Disconnected from user ${user} ${from}`,
    `${tag}: pam_unix(sshd:session): session closed for user ${user}`,
    `systemd-logind[811]: Session ${session} logged out. Waiting for processes to exit.`,
    `systemd-logind[811]: Removed session ${session}.`,
  ]
}

function sudoByPerson(random: Random): string[] {
  const user = random.pick(USERS)
  const command = random.pick([
    '/usr/bin/systemctl status kubelet',
    '/usr/bin/journalctl -u containerd -n 50',
    '/usr/bin/crictl ps',
    '/usr/bin/apt-get update',
  ])
  const pid = random.between(20_000, 60_000)
  return [
    `sudo[${pid}]: ${user.padStart(8)} : TTY=pts/${random.below(4)} ; PWD=/home/${user} ; USER=root ; COMMAND=${command}`,
    `sudo[${pid}]: pam_unix(sudo:session): session opened for user root(uid=0) by ${user}(uid=${1000 + user.length})`,
    `sudo[${pid}]: pam_unix(sudo:session): session closed for user root`,
  ]
}

function suToService(random: Random): string[] {
  const pid = random.between(20_000, 60_000)
  return [
    `su[${pid}]: (to postgres) root on none`,
    `su[${pid}]: pam_unix(su:session): session opened for user postgres(uid=106) by (uid=0)`,
    `su[${pid}]: pam_unix(su:session): session closed for user postgres`,
  ]
}

function sudoRefused(random: Random): string[] {
  const user = random.pick(USERS)
  return [
    `sudo[${random.between(20_000, 60_000)}]: ${user.padStart(8)} : user NOT in sudoers ; TTY=pts/1 ; PWD=/home/${user} ; USER=root ; COMMAND=/usr/bin/cat /etc/shadow`,
  ]
}

function preauthNoise(random: Random): string[] {
  const from = `192.0.2.${random.between(1, 254)} port ${random.between(32_768, 60_999)}`
  const tag = `sshd-session[${random.between(20_000, 60_000)}]`
  return random.once(2)
    ? [`${tag}: banner exchange: Connection from ${from}: invalid format`]
    : [
        `${tag}: Unable to negotiate with ${from}: no matching host key type found. Their offer: ssh-rsa,ssh-dss [preauth]`,
      ]
}

/**
 * A hundred rules for container lines, as a team writes them over the years: words of tools, of exploits, of failures; lists,
 * `all`, keywords, wildcards, regular expressions. Each is the detection of one rule; literals are as short as real ones are.
 */
const CONTAINS = `
kubectl exec|kubectl cp|kubectl port-forward
/etc/shadow|/etc/gshadow|/etc/sudoers
authorized_keys|id_rsa|id_ed25519
/var/run/docker.sock|/run/containerd/containerd.sock|/run/crio/crio.sock
chmod 777|chmod +s|chmod u+s
setuid(0)|setgid(0)
LD_PRELOAD=|LD_LIBRARY_PATH=/tmp
/etc/cron.d|crontab -e|/var/spool/cron
systemctl disable|systemctl mask
insmod |modprobe |kmod load
iptables -F|nft flush
tcpdump -i|tshark -i
hydra -l|medusa -h|ncrack
mimikatz|lazagne|secretsdump
sqlmap/|nikto/|gobuster/|dirbuster|ffuf/
masscan|zgrab|nmap scan report
meterpreter|metasploit|msfvenom
cobaltstrike|beacon.dll|sliver-client
chisel server|frpc.ini|ngrok tunnel
socat tcp|socat exec
python -c 'import pty|python3 -c 'import pty
perl -e 'use Socket
ruby -rsocket
php -r '$sock
powershell -enc|powershell -nop
certutil -urlcache|bitsadmin /transfer
curl http://169.|wget http://169.
169.254.170.2|metadata.azure.com
aws_access_key_id|aws_secret_access_key
ghp_|github_pat_|glpat-
xoxb-|xoxp-
AKIA|ASIA
eyJhbGciOi
BEGIN PGP PRIVATE KEY|BEGIN DSA PRIVATE KEY
password=|passwd=|pwd=
union all select|information_schema.tables|sleep(5)|benchmark(
xp_cmdshell|sp_oacreate
onerror=alert|onload=alert|javascript:alert
../../../../|..%252f|%c0%ae
.aws/credentials|.kube/config|.docker/config.json
wp-config.php|xmlrpc.php|phpinfo()
/solr/admin|/jenkins/script|/manager/html
/struts2|%{(#_|ognl.
class.module.classLoader
java.lang.Runtime|ProcessBuilder
rO0ABXNy|aced0005
pickle.loads|yaml.unsafe_load
eval(base64_decode|gzinflate(
child_process.exec|require('child_process')
template injection|{{7\\*7}}|\${7\\*7}
heapdump requested|/actuator/env
graphql introspection|__schema{
jwt alg none|"alg":"none"
token signature mismatch|invalid signature for token
account locked|too many failed logins
authentication bypass|auth bypass
privilege escalation|escalated privileges
segmentation fault|core dumped|general protection fault
out of memory: killed|oom_reaper
panic: runtime error|fatal error: all goroutines
x509: certificate signed by unknown|tls: bad certificate|certificate has expired
permission denied: /host|read-only file system: /host
mount: /host|nsenter --|unshare --
cgroup.procs|devices.allow
/sys/kernel/security|/proc/kcore|/proc/kmem
ptrace attach|process_vm_writev
bpf_probe|bpftool prog
seccomp disabled|apparmor=unconfined
runAsUser: 0|privileged: true
serviceaccounts/token|tokenreviews.authentication
clusterrolebinding created|cluster-admin granted
system:masters|system:anonymous
etcdctl get|etcdctl snapshot
kubelet-client-current.pem|apiserver-kubelet-client
image pull from docker.io/|unapproved registry
cryptomining|monerod|ethminer
nicehash|minergate|supportxmr
tor2web|.onion/|torproject
dns tunnel|iodine|dnscat
data exfiltration|exfiltrated
ransom note|files have been encrypted
wiper started|shred -u
history -c|unset HISTFILE
truncate -s 0 /var/log|rm -rf /var/log
auditctl -e 0|setenforce 0
useradd -o|usermod -aG sudo
visudo -f|NOPASSWD:ALL`
  .trim()
  .split('\n')
  .map((line) => line.split('|'))

const REGEX = [
  '(?i)wget\\s+http[^ ]+\\s*\\|\\s*(ba)?sh',
  'curl\\s.*\\|\\s*bash',
  '(?i)drop\\s+table\\s+\\w+',
  'jndi:(ldap|rmi|dns)://',
  'nc\\s+-l?e?\\s*/bin/',
  '(?i)base64\\s+(-d|--decode)',
]

/** Detections in YAML, indented by two. */
export function syntheticDetections(): string[] {
  const lists = CONTAINS.map((values, index) => {
    const field = index % 7 === 3 ? "    'message|contains'" : '    message|contains'
    return `  selection:\n${field}:\n${values.map((value) => `      - ${quote(value)}\n`).join('')}  condition: selection`
  })
  const regexes = REGEX.map(
    (source) => `  selection:\n    message|re: ${quote(source)}\n  condition: selection`,
  )
  const all = [
    ['login', 'unknown device', 'impossible travel'],
    ['transfer', 'refused', 'sanctions list'],
    ['admin', 'role granted', 'outside of hours'],
    ['export', 'customer records', 'bulk download'],
  ].map(
    (values) =>
      `  selection:\n    message|contains|all: [${values.map(quote).join(', ')}]\n  condition: selection`,
  )
  const keywords = ['  words: [backdoor installed, rootkit found]\n  condition: words']
  return [...lists, ...regexes, ...all, ...keywords].slice(0, 100)
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

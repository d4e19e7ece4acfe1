-- What is known to name an account: its id, its id in a CRM, and the web domains of its people that are its alone.
WITH given AS (
{keys}
),
free_mail(domain) AS (VALUES
    ('aol.com'), ('bigpond.com'), ('bluewin.ch'), ('btinternet.com'), ('comcast.net'), ('duck.com'), ('fastmail.com'),
    ('free.fr'), ('gmail.com'), ('gmx.at'), ('gmx.ch'), ('gmx.com'), ('gmx.de'), ('gmx.net'), ('googlemail.com'),
    ('hey.com'), ('hotmail.co.uk'), ('hotmail.com'), ('hotmail.de'), ('hotmail.fr'), ('hotmail.it'), ('icloud.com'),
    ('laposte.net'), ('libero.it'), ('live.com'), ('mac.com'), ('mail.com'), ('mail.ru'), ('me.com'), ('msn.com'),
    ('naver.com'), ('o2.pl'), ('onet.pl'), ('orange.fr'), ('outlook.com'), ('outlook.de'), ('outlook.fr'),
    ('pm.me'), ('proton.me'), ('protonmail.com'), ('qq.com'), ('rediffmail.com'), ('rocketmail.com'), ('seznam.cz'),
    ('sfr.fr'), ('t-online.de'), ('telia.com'), ('tutanota.com'), ('verizon.net'), ('virgilio.it'), ('wanadoo.fr'),
    ('web.de'), ('wp.pl'), ('yahoo.co.jp'), ('yahoo.co.uk'), ('yahoo.com'), ('yahoo.de'), ('yahoo.es'), ('yahoo.fr'),
    ('yahoo.it'), ('yandex.ru'), ('ymail.com'), ('zoho.com'), ('126.com'), ('163.com')
)
SELECT DISTINCT account_id, kind, CASE kind WHEN 'domain' THEN lower(trim(key)) ELSE trim(key) END AS key
FROM given
WHERE account_id IS NOT NULL AND trim(key) <> ''
  AND (kind <> 'domain' OR lower(trim(key)) NOT IN (SELECT domain FROM free_mail))

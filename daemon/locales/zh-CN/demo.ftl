# `daybook demo` 的文字。
demo-title = Daybook 的一天
demo-begin = 这是一间小办公室，在 { $folder }。人物和客户都是虚构的；工作簿、账本和规则都是真的，下面每一行都是从中读回来的。

# 人物与规则。
demo-office = 示例贸易有限公司
demo-sales = 李雷
demo-finance = 韩梅梅
demo-reason-sales = 销售维护本部门的客户
demo-reason-finance = 财务维护账期、额度和联系方式；名称和地址由销售维护
demo-reason-bookkeeping = 旧记账软件只提供账期和额度
demo-reason-management = 管理层了解进展，不看电话号码

# 修改的结果。
demo-outcome = { $outcome } · { $who } · 规则 { $rule }
demo-outcome-applied = 已采用
demo-outcome-superseded = 按规则未采用
demo-outcome-refused = 已拒绝
demo-outcome-conflict = 待人工决定
demo-outcome-held = 等待处理
demo-decided-by = 由 { $who } 决定 · 规则 { $rule }
demo-steward = 数据管理员
demo-told = Daybook 说明原因：

demo-morning = 早上：读取大家的工作簿
demo-morning-begin = 销售部的李雷用一个中文标题的工作簿维护客户；旧记账软件把信用额度导出为 GB18030 编码的 CSV 文件。Daybook 把两者读入同一个加密账本，由账本生成两个工作簿，并在李雷的工作簿里“Daybook”一列逐行答复。
demo-read = 读取
demo-written = 生成
demo-rows = { $count ->
   *[other] { $count } 行
}
demo-file-sales = 销售自己的工作簿
demo-file-bookkeeping = 旧软件的导出文件
demo-file-finance = 给财务，部分内容可以修改
demo-file-management = 给管理层，只读，只含报价和签约客户
demo-morning-counts = 账本里有 { $records } 条记录，共填入 { $changes } 个单元格。
demo-morning-joined = CSV 文件里的“{ $name }”就是销售那边编号相同的客户：财务看到的是同一行，信用额度 { $limit }。
demo-morning-masked = 管理层的工作簿里，电话只显示为 { $phone }，文件里没有完整号码。
demo-morning-again = 再看一遍：没有要做的事。

demo-spread = 一处修改，处处更新
demo-spread-begin = 李雷更正一个电话号码，并保存工作簿。
demo-spread-seen = 财务部韩梅梅的工作簿里随即是：
demo-spread-checked = 账本和财务的工作簿都是新号码。

demo-conflict = 两个人，同一个单元格
demo-conflict-begin = 李雷和韩梅梅都改了同一个号码，改之前谁也没看到对方的内容。对电话号码，办公室选的规则是“review”（人工决定）：后保存的人并不因此获胜。
demo-conflict-asked = 在数据管理员决定之前，先到的值保留。她要回答的问题：
demo-base = 原来
demo-stored = 账本现值
demo-incoming = 另一个值
demo-incoming-from = （来自 { $place }）
demo-conflict-decided = 她给客户打了电话，财务是对的：
demo-conflict-checked = 账本和财务的工作簿都是管理员选定的号码。
demo-conflict-sales = 李雷自己的工作簿也换成了选定的号码：Daybook 只改了这一格和旁边的答复，文件里其余内容原样不动。

demo-forbidden = 不允许的修改
demo-forbidden-begin = 韩梅梅取消了工作表保护，改了一个客户的名称。名称由销售维护。
demo-forbidden-back = 随后她的工作簿里又是原来的名称：
demo-forbidden-checked = 名称没有变，账本和她的工作簿里都一样。

demo-bad = 不是日期的日期
demo-bad-begin = 李雷填了一个不存在的日期，又写了一条正常的备注，一起保存。
demo-bad-note = 四月请回电
demo-bad-checked = 备注已进入账本；账本里的日期仍是 { $date }，她填的内容留在她的工作簿里。
demo-bad-answer = 这一行的“Daybook”列里写着：
demo-bad-once = 只提醒一次，不会每次保存都提醒。
demo-bad-corrected = 她改正了日期。
demo-bad-right = 日期已进入账本，这一行的答复是“{ $answer }”。

demo-plugin = 公司自己的规则
demo-plugin-begin = IT 安装了插件“uscc”，它能认出不可能正确的统一社会信用代码。李雷填了两个，第二个有两位写颠倒了。
demo-plugin-none = 编译本程序时没能编译插件，今天跳过这一步。{ $why }
demo-plugin-held = 第一个代码已进入账本；第二个暂缓：账本里没有它，数据管理员看得到这个问题。
demo-plugin-corrected = 她对照营业执照改正了。
demo-plugin-checked = 代码已进入账本，问题也自行消失了。

demo-mail = 外出时发来的邮件
demo-mail-begin = 李雷在客户那里，手边没有工作簿。她给公司的登记邮箱写信：
demo-mail-text =
    客户编号：{ $key }
    电话：{ $phone }
    信用额度：90000

    谢谢！
    李雷
demo-mail-answered = Daybook 收下她有权改的内容，并逐行答复：
demo-mail-lies = 回信保存在这里，与交给邮件服务器的一样，可以用邮件程序打开：
demo-mail-checked = 电话已进入账本，也到了财务的工作簿；信用额度由财务维护，保持原样，也没有向她显示。

demo-vanished = 少了一行
demo-vanished-begin = 李雷删掉了一行。是有意删的，还是排序时不小心弄丢的？
demo-vanished-row = 第 { $row } 行已删除
demo-vanished-asked = 什么都没有删除：先问管理员，财务的工作簿里客户还在。
demo-vanished-decided = 管理员查明是误删，记录要保留：
demo-vanished-checked = 客户还在，也不会再问一遍。

demo-revert = 撤销一次修改
demo-revert-begin = 韩梅梅下拉填充拉得太长就保存了：六个客户的信用额度都成了 5。
demo-revert-more = { $count ->
   *[other] 另有 { $count } 处
}
demo-revert-decided = 管理员撤销那次保存：
demo-revert-checked = 六个信用额度都恢复了，账本和财务的工作簿里都一样；两次变更都留在历史里。

demo-evening = 傍晚
demo-evening-counts = 共 { $records } 条记录；{ $arrivals } 次到达（保存、决定、生成视图）。{ $applied } 个单元格已采用，{ $refused } 个被拒绝，{ $questions } 个问题已决定。
demo-evening-open = 记录一条不少，没有未决的问题。
demo-evening-finance = 财务的工作簿与账本逐格一致。
demo-evening-management = 管理层的工作簿有 { $count } 行，没有一个完整的电话号码。
demo-evening-replayed = 把日志里的 { $arrivals } 次到达重放成一个新账本：两者完全相同。

demo-try = 现在请您试试
demo-try-sales = 打开销售的工作簿，改一个单元格，保存：
demo-try-finance = 再看财务的工作簿（关闭后 Daybook 才会写入）。白色单元格可以修改，灰色的不可以：
demo-try-management = 管理层的工作簿只供阅读：
demo-try-mail = 把邮件保存成文件放进这个文件夹，也会被收下；回信在旁边的 receipts 文件夹里：
demo-look-elsewhere = 在另一个终端里可以查看结果：
demo-look = 到处看看
demo-look-commands = 一条记录的历史、别人能看到什么、问过什么、到达过什么，以及常驻程序本身：
demo-kept = 文件夹会保留：{ $folder }。看够了可以删除。
demo-waiting = Daybook 正在守候，按 Ctrl-C 结束。
demo-took-nothing = { $file } 已保存，没有新内容。
demo-took = { $file } 已保存：{ $outcomes }
demo-took-none = 没有可采用的内容
demo-took-questions = 管理员有问题待决定，见“review list”。
demo-published = { $count ->
   *[other] 生成了 { $count } 个工作簿。
}
demo-sent = { $count ->
   *[other] 发出了 { $count } 封邮件。
}
demo-ended = Daybook 已结束，账本和工作簿保持原样。

# 演示本身可能出的错。
demo-folder-used = `{ $folder }` 不是空文件夹；没有写入任何内容
demo-folder-used-hint = 请指定一个空的或尚不存在的文件夹，或者不用 `--dir`。
demo-not-so = 演示讲的与事实不符：{ $what }
demo-not-so-hint = 这是 Daybook 的缺陷。办公室保留在 { $folder }。
